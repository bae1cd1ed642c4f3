import type { AgentHandle, AgentSpec } from "../domain/agent.ts";
import { type Clock, settlesWithin } from "../domain/clock.ts";
import { SlowwaveError } from "../domain/failure.ts";
import type { OutputLimits } from "../process/line-reader.ts";
import {
  type Command,
  type ProcessEnd,
  type SupervisedProcess,
  superviseProcess,
} from "../process/supervised-process.ts";
import { plainText } from "../text/sanitize.ts";
import type { AgentStream } from "./agent-stream.ts";

export interface ConverseOptions<L extends Listener> {
  /** Name of its runner. */
  readonly agent: string;
  /** As it is called in sentences: "Codex". */
  readonly title: string;
  readonly spec: AgentSpec;
  readonly clock: Clock;
  readonly limits: OutputLimits;
  /** To exit by itself when its stdin closes. */
  readonly closeMs: number;
  /** Between SIGTERM and SIGKILL. */
  readonly graceMs: number;
  command(): Promise<Command>;
  /** Asked for once, before it starts. */
  listener(line: Line): L;
}

/** What understands the other side. */
export interface Listener {
  onLine(line: string): void;
  /** Nothing more will be heard, and nothing said is answered. */
  hangUp(why: Error): void;
}

/** Our end of a line to a child process. */
export interface Line {
  /** One message, without its line end. Lost when the process is gone. */
  send(text: string): void;
  /** The other side broke the protocol: it is ended at once, and this is why. */
  breach(why: string): void;
}

/** A child process that lives on and is spoken to in lines. */
export interface Conversation<L extends Listener = Listener>
  extends Line,
    Pick<SupervisedProcess, "look" | "freeze" | "thaw" | "lastOutputMs"> {
  readonly listener: L;
  /** Settles with why, as a sentence, when nothing of it lives. Never rejects. */
  readonly gone: Promise<{ readonly why: string; readonly end: ProcessEnd }>;
  /**
   * Closes its stdin, on which it exits by itself; ends it if it does not. Rejects with `agent_unkillable`. `graceMs`: for
   * each of both at most so long.
   */
  close(how?: { readonly graceMs?: number }): Promise<void>;
  /** At once, without asking. */
  kill(): void;
}

/** Rejects when the process can't be started; nothing runs then. */
export async function converse<L extends Listener>(options: ConverseOptions<L>): Promise<Conversation<L>> {
  const { agent, title, spec, clock, limits, closeMs, graceMs } = options;
  let broken: string | null = null;
  const kill = () => void started.then((child) => child.end(0)).catch(() => {});
  const line: Line = {
    send: (text) => void started.then((child) => child.stdin.write(`${text}\n`)).catch(() => {}),
    breach(why) {
      broken ??= why;
      kill();
    },
  };
  const listener = options.listener(line);
  const started = superviseProcess({
    command: options.command,
    key: spec.key,
    agent,
    runFolder: spec.runFolder,
    clock,
    limits,
    graceMs,
    onLine: listener.onLine,
    onMute: () => line.breach("it closed its standard output"),
  });
  const child = await started;
  const gone = child.ended.then((end) => {
    const why = `${title} ${broken === null ? howItEnded(end) : `was ended: ${broken}`}`;
    listener.hangUp(new Error(why));
    return { why, end };
  });
  return {
    ...line,
    listener,
    gone,
    look: child.look,
    freeze: child.freeze,
    thaw: child.thaw,
    lastOutputMs: child.lastOutputMs,
    async close({ graceMs: mostMs = Number.POSITIVE_INFINITY } = {}) {
      child.thaw();
      child.stdin.end();
      if (!(await settlesWithin(clock, Math.min(closeMs, mostMs), child.ended))) {
        await child.end(Math.min(graceMs, mostMs));
      }
      const { end } = await gone;
      if (end.left !== null) throw end.left;
    },
    kill,
  };
}

/** What became of a process that was to live on, as the rest of a sentence, with the last of its stderr. */
export function howItEnded({ left, overflow, code, signal, stderr }: ProcessEnd): string {
  if (left !== null) return `is not gone: ${left.message}`;
  if (overflow !== null) return `was ended: ${overflow}`;
  const how = signal === null ? `exited with code ${code}` : `was ended by ${signal}`;
  const lastWords = plainText(stderr.trim().slice(-400), 400).replace(/\s+/g, " ");
  return lastWords === "" ? how : `${how}: ${lastWords}`;
}

export interface TurnHandleOptions {
  readonly id: string;
  readonly threadId: string;
  readonly sandbox: string;
  readonly stream: AgentStream;
  readonly process: Pick<Conversation, "gone" | "close" | "kill" | "lastOutputMs">;
  readonly clock: Clock;
  /** To stop when asked, before it is ended. */
  readonly graceMs: number;
  readonly turns: {
    /** How the turn ends is told on the stream. */
    begin(text: string): void;
    /** Asks for the end of the turn under way; settles when it was asked. */
    interrupt(): Promise<void>;
    /** Absent: a turn under way can't be told anything. */
    steer?(text: string): Promise<void>;
  };
}

/** The handle of an agent that lives on in a process of its own and takes turns in one session. */
export function turnHandle(options: TurnHandleOptions): AgentHandle {
  const { id, threadId, sandbox, stream, process, clock, graceMs, turns } = options;
  let isStopping = false;
  const over = process.gone.then(({ why }) => {
    stream.emit(isStopping ? { type: "agent.interrupted" } : { type: "agent.errored", message: why });
    stream.end();
  });

  return {
    id,
    threadId,
    sandbox,
    events$: stream.events$,
    lastActivityMs: process.lastOutputMs,
    async prompt(text) {
      if (isStopping) throw new SlowwaveError("agent_closed", "The agent has been stopped.");
      if (stream.isOpen()) throw new SlowwaveError("agent_busy", "The agent is still in its turn.");
      turns.begin(text);
    },
    ...(turns.steer === undefined
      ? {}
      : { steer: (text: string) => turns.steer?.(text) ?? Promise.resolve() }),
    async interrupt() {
      if (!stream.isOpen()) return;
      isStopping = true;
      const ended = new Promise<void>((resolve) => {
        stream.events$.subscribe({ complete: resolve, next: () => stream.isOpen() || resolve() });
      });
      const stopped = Promise.all([ended, turns.interrupt()]).catch(() => ended);
      if (!(await settlesWithin(clock, graceMs, stopped))) process.kill();
      await ended;
    },
    async close(how) {
      isStopping = true;
      // Not waited for: closing its stdin ends the turn as well.
      if (stream.isOpen()) turns.interrupt().catch(() => {});
      await process.close(how);
      await over;
    },
  };
}
