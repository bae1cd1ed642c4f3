import type { AgentSpec } from "../../../domain/agent.ts";
import type { Clock } from "../../../domain/ports.ts";
import type { OutputLimits } from "../../process/line-reader.ts";
import { type Command, type ProcessEnd, superviseProcess } from "../../process/supervised-process.ts";
import { settlesWithin } from "../../process/wait.ts";
import { howItEnded } from "../how-it-ended.ts";
import { createPeer, type Peer } from "./peer.ts";

export interface ConnectOptions {
  readonly spec: AgentSpec;
  readonly clock: Clock;
  readonly limits: OutputLimits;
  /** For one answer. */
  readonly patienceMs: number;
  /** To exit when its stdin closes, and again between SIGTERM and SIGKILL. */
  readonly graceMs: number;
  command(): Promise<Command>;
  onNotice(method: string, params: unknown): void;
}

/** A running `codex app-server`. */
export interface Connection extends Pick<Peer, "ask" | "tell"> {
  /** Settles with why, as a sentence, when nothing of it lives. Never rejects. */
  readonly gone: Promise<{ readonly why: string; readonly end: ProcessEnd }>;
  /** Closes its stdin, on which it exits by itself; ends it if it does not. Rejects with `agent_unkillable`. */
  close(): Promise<void>;
  /** At once, without asking. */
  kill(): void;
}

export async function connectCodex(options: ConnectOptions): Promise<Connection> {
  const { spec, clock, patienceMs, graceMs } = options;
  let breach: string | null = null;
  let write: (line: string) => void = () => {};
  const peer = createPeer({
    clock,
    patienceMs,
    onNotice: options.onNotice,
    send: (line) => write(`${line}\n`),
    onBreach(why) {
      breach = why;
      void started.then((child) => child.end(0)).catch(() => {});
    },
  });
  const started = superviseProcess({
    command: options.command,
    key: spec.key,
    agent: "codex",
    scratch: spec.scratch,
    clock,
    limits: options.limits,
    graceMs,
    onLine: peer.hear,
  });
  const child = await started;
  write = (line) => child.stdin.write(line);

  const gone = child.ended.then((end) => {
    const why = `Codex ${breach === null ? howItEnded(end) : `was ended: ${breach}`}`;
    peer.hangUp(new Error(why));
    return { why, end };
  });
  return {
    ask: peer.ask,
    tell: peer.tell,
    gone,
    async close() {
      child.stdin.end();
      if (!(await settlesWithin(clock, graceMs, child.ended))) await child.end();
      const { end } = await gone;
      if (end.left !== null) throw end.left;
    },
    kill: () => void child.end(0).catch(() => {}),
  };
}
