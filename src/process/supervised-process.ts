import { type ChildProcess, spawn } from "node:child_process";
import { type Clock, settlesWithin } from "../domain/clock.ts";
import { SlowwaveError } from "../domain/failure.ts";
import { withoutSecrets } from "../text/redact.ts";
import { plainText } from "../text/sanitize.ts";
import { feed, withoutInherited } from "./environment.ts";
import { lineReader, OUTPUT_LIMITS, type OutputLimits, tail } from "./line-reader.ts";
import {
  HAS_PROC,
  identityOf,
  type ProcessIdentity,
  type ProcessRecord,
  type ProcessStat,
  readProcessRecord,
  writeProcessRecord,
} from "./process-record.ts";
import { createProcessTree, endGroup, endTree, killGroup } from "./tree.ts";

/** What is started: file, arguments, environment (already scrubbed, with the mark) and working folder. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Written to its descriptors 3, 4, …, which are closed then. */
  readonly feeds?: readonly Uint8Array[];
  /** The file is the init of a pid namespace: whatever lives in the namespace dies with it. */
  readonly tree?: "pid-namespace";
}

export interface SuperviseOptions {
  /** Asked for after the intent is written: finding a command may already start something. */
  command(): Promise<Command>;
  /** Idempotency key of the start, in the record and the mark. */
  readonly key: string;
  readonly agent: string;
  readonly runFolder: string;
  readonly clock: Clock;
  readonly limits?: OutputLimits;
  /** Between SIGTERM and SIGKILL. */
  readonly graceMs?: number;
  /** One line of stdout. Should not throw: the process is ended then. */
  onLine(line: string): void;
  /** It closed its stdout and lives on. Not seen through such an init, which keeps it open. Must not throw. */
  onMute?(): void;
}

export interface SupervisedProcess {
  readonly pid: number;
  /** To the child's stdin, which stays open as its sign of life: it closes when this process dies. */
  readonly stdin: NodeJS.WritableStream;
  /** By the given clock's `monotonicMs`: when it last wrote to its stdout, or was started. */
  lastOutputMs(): number;
  /** Settles once, when nothing of the tree lives and its pipes are closed. Never rejects. */
  readonly ended: Promise<ProcessEnd>;
  /** Who of its tree lives; empty where there is no /proc. Who is seen here is known even while it is ending. */
  look(): readonly ProcessStat[];
  /**
   * All of it but the spared stands still, and writes nothing, until `thaw`, `end`, or the death of this process.
   * Where there is no /proc it goes on. Rejects with `agent_unstoppable`.
   */
  freeze(spared?: readonly ProcessStat[]): Promise<void>;
  thaw(): void;
  /** SIGTERM, grace, SIGKILL, to the whole tree; resolves with `ended`, rejects with `agent_unkillable`. */
  end(graceMs?: number): Promise<ProcessEnd>;
}

export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** `end` was called before the process ended by itself. */
  readonly asked: boolean;
  /** Which limit of its output was passed. */
  readonly overflow: string | null;
  /** The last of it, without secrets. */
  readonly stderr: string;
  /** Why something of it may still live. */
  readonly left: SlowwaveError | null;
}

const GRACE_MS = 2_000;
/** A process that hid from us may hold the pipes; after this they are cut. */
const DRAIN_MS = 1_000;
const STDERR_BYTES = 8 * 1024;

/**
 * Starts a process in a session of its own, with the record that lets a later process find it, and answers
 * for its whole tree. Rejects when it can't be started; nothing runs then.
 */
export async function superviseProcess(options: SuperviseOptions): Promise<SupervisedProcess> {
  const { key, agent, runFolder, clock } = options;
  const record: ProcessRecord = {
    version: 1,
    key,
    agent,
    atMs: clock.nowMs(),
    reach: HAS_PROC ? "session-and-mark" : "process-group",
    process: null,
    revoked: false,
  };
  // The intent first: were this process killed right after the start, the mark alone would lead to the child.
  await writeProcessRecord(runFolder, record);
  const command = await options.command();
  const child = launch(command, agent);
  // In the same turn: even if it is dead already, its number can't be used again before it is waited for.
  const leader = child.pid === undefined ? null : identityOf(child.pid);
  const running = follow(child, leader, options, command);
  if (leader === null) {
    throw notStarted(agent, await running.failure);
  }
  try {
    await confirmRecord(runFolder, { ...record, reach: command.tree ?? record.reach, process: leader });
  } catch (error) {
    await running.end(0);
    throw error;
  }
  return {
    pid: leader.pid,
    stdin: child.stdin as NodeJS.WritableStream,
    lastOutputMs: running.lastOutputMs,
    ended: running.ended,
    look: running.tree.look,
    freeze: (spared = []) => running.tree.freeze(spared),
    thaw: running.tree.thaw,
    end: running.end,
  };
}

function launch({ file, args, cwd, env, feeds = [] }: Command, agent: string): ChildProcess {
  try {
    const slots = ["pipe", "pipe", "pipe", ...feeds.map(() => "pipe" as const)] as const;
    const child = withoutInherited(slots, (stdio) =>
      spawn(file, args, { cwd, env, detached: true, stdio, windowsHide: true }),
    );
    feed(child, feeds);
    return child;
  } catch (error) {
    throw notStarted(agent, error);
  }
}

function notStarted(agent: string, cause: unknown): SlowwaveError {
  return new SlowwaveError("agent_not_started", `The agent "${agent}" could not be started.`, { cause });
}

/** Unless somebody took over between the intent and now. */
async function confirmRecord(runFolder: string, record: ProcessRecord): Promise<void> {
  const now = await readProcessRecord(runFolder);
  if (now === null || now === "unreadable" || now.key !== record.key || now.revoked) {
    throw new SlowwaveError("agent_superseded", "Another process has taken the run over meanwhile.");
  }
  await writeProcessRecord(runFolder, record);
}

function follow(
  child: ChildProcess,
  leader: ProcessIdentity | null,
  options: SuperviseOptions,
  command: Command,
) {
  const { clock, graceMs = GRACE_MS, limits = OUTPUT_LIMITS, key } = options;
  const stderr = tail(STDERR_BYTES);
  let overflow: string | null = null;
  let asked = false;
  let errors = 0;

  const reader = lineReader(limits, { line: onLine, overflow: stop });
  let lastOutputMs = clock.monotonicMs();
  child.stdout?.on("data", (chunk: Buffer) => {
    lastOutputMs = clock.monotonicMs();
    reader.feed(chunk);
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    stderr.feed(chunk);
    errors += chunk.length;
    if (errors > limits.maxOutputBytes) stop("it flooded its standard error");
  });
  // A broken pipe is told by the exit; unhandled it would end this process.
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.on("error", () => {});

  const failure = new Promise<Error>((resolve) => child.on("error", resolve));
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const drained = new Promise<void>((resolve) => child.once("close", () => resolve()));
  child.stdout?.once("end", async () => {
    // One that is ending closes it, too, a moment before.
    if (!(await settlesWithin(clock, DRAIN_MS, exited))) options.onMute?.();
  });
  const usesPidNamespace = command.tree === "pid-namespace";
  const tree = createProcessTree({ leader, key, usesPidNamespace, clock });
  child.stdout?.once("data", tree.lookInside);
  // An init that is asked to go leaves no grace to its namespace.
  const spared = usesPidNamespace && leader !== null ? { init: leader.pid } : {};

  function onLine(line: string): void {
    try {
      options.onLine(line);
    } catch {
      // A million brackets in brackets, say. What an agent writes must not end this process.
      stop("it wrote a line that can't be understood");
    }
  }

  function stop(why: string): void {
    if (overflow !== null) return;
    overflow = why;
    child.stdout?.destroy();
    child.stderr?.destroy();
    end(0).catch(() => {});
  }

  async function awaitEnd(): Promise<ProcessEnd> {
    await exited;
    const left = await endTree(tree.look, { clock, graceMs: 0 }).then(
      () => null,
      (error: SlowwaveError) => error,
    );
    if (!HAS_PROC && leader !== null) killGroup(leader.pid, "SIGKILL");
    await settlesWithin(clock, DRAIN_MS, drained);
    reader.end();
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy();
    return {
      code: child.exitCode,
      signal: child.signalCode,
      asked,
      overflow,
      stderr: withoutSecrets(stderr.text()),
      left,
    };
  }
  const ended = leader === null ? new Promise<ProcessEnd>(() => {}) : awaitEnd();

  async function end(grace: number = graceMs): Promise<ProcessEnd> {
    if (child.exitCode === null && child.signalCode === null) {
      asked = true;
      tree.thaw();
      if (HAS_PROC) await endTree(tree.look, { clock, graceMs: grace, ...spared });
      else if (leader !== null) await endGroup(leader.pid, exited, clock, grace);
    }
    return ended;
  }

  return { ended, end, tree, failure, lastOutputMs: () => lastOutputMs };
}

export interface Output {
  readonly stdout: string;
  /** One line; what the program said when it failed. */
  readonly why: string;
}

/** Of each stream the end. */
const MOST_BYTES = 64 * 1024;

/** What a short command of ours says; for probes. It is ended when it takes longer. Never rejects. */
export function outputOf(command: Command, patienceMs: number): Promise<Output> {
  const { file, args, env, cwd, feeds = [] } = command;
  return new Promise((resolve) => {
    const [stdout, stderr] = [tail(MOST_BYTES), tail(MOST_BYTES)];
    const end = (how: string) => {
      const reason = stderr.text().trim().split("\n").at(-1) || how;
      resolve({ stdout: stdout.text(), why: plainText(reason, 200) });
    };
    const pipes = feeds.map(() => "pipe" as const);
    const limits = { timeout: patienceMs, killSignal: "SIGKILL" } as const;
    const child = spawn(file, args, { env, cwd, stdio: ["ignore", "pipe", "pipe", ...pipes], ...limits });
    child.stdout?.on("data", stdout.feed);
    child.stderr?.on("data", stderr.feed);
    child.on("error", (error) => end(error.message));
    child.on("close", (code, signal) => end(`it ended with ${signal ?? `code ${code}`}`));
    feed(child, feeds);
  });
}
