import { appendFileSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * What machines write down while they work, beside the store that is being tried: a file for each process, in a folder
 * that no machine loses. Times are milliseconds of the computer's monotonic clock, which all its processes share and which
 * no faked time moves.
 */
export type Entry = { readonly atMs: number; readonly worker: string } & (
  | { readonly type: "ready" | "back" }
  | { readonly type: "agent.begun" | "agent.ended"; readonly space: string; readonly run: string }
  | { readonly type: "run.started"; readonly space: string; readonly run: string; readonly adopted: boolean }
  | {
      readonly type: "run.finished";
      readonly space: string;
      readonly run: string;
      readonly status: string;
      readonly cause: string | null;
    }
  | { readonly type: "problem"; readonly code: string; readonly message: string }
  /** Written by who did it to the machine. */
  | { readonly type: "killed" | "frozen" | "thawed" | "cut" | "mended" }
);

type Without<Row> = Row extends unknown ? Omit<Row, "atMs" | "worker"> : never;

export interface Journal {
  write(entry: Without<Entry>): void;
}

/** With a fraction; the origin is the computer's start. */
export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** On the disk of the host, or at least in its memory, when it returns: a kill -9 right after loses nothing. */
export function openJournal(folder: string, worker: string, name = worker): Journal {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${name}.jsonl`);
  return {
    write: (entry) => {
      const row = { atMs: nowMs(), worker, ...entry };
      appendFileSync(file, `${JSON.stringify(row)}\n`);
    },
  };
}

/** All that was written, in the order of time. A kill may have left half a line at the end of a file. */
export function readJournal(folder: string): readonly Entry[] {
  const entries: Entry[] = [];
  for (const name of readdirSync(folder)) {
    if (!name.endsWith(".jsonl")) continue;
    for (const line of readFileSync(join(folder, name), "utf8").split("\n")) {
      if (!line.endsWith("}")) continue;
      entries.push(JSON.parse(line) as Entry);
    }
  }
  return entries.sort((a, b) => a.atMs - b.atMs);
}

/** One agent at work in one space. */
export interface AgentSpan {
  readonly worker: string;
  readonly space: string;
  readonly run: string;
  readonly fromMs: number;
  /** When it ended, or its machine was killed; null when it is at work still. */
  readonly toMs: number | null;
}

/** The agents of the whole fleet. A frozen machine's spans are cut into the times in which it was not frozen. */
export function agentSpans(journal: readonly Entry[]): readonly AgentSpan[] {
  const open = new Map<string, AgentSpan>();
  const frozen = new Map<string, AgentSpan[]>();
  const spans: AgentSpan[] = [];
  const end = (key: string, toMs: number) => {
    const span = open.get(key);
    if (span === undefined) return;
    open.delete(key);
    spans.push({ ...span, toMs });
  };
  const ofWorker = (worker: string) => [...open].filter(([, span]) => span.worker === worker);
  for (const entry of journal) {
    const { worker, atMs } = entry;
    switch (entry.type) {
      case "agent.begun":
        open.set(`${worker} ${entry.run}`, {
          worker,
          space: entry.space,
          run: entry.run,
          fromMs: atMs,
          toMs: null,
        });
        break;
      case "agent.ended":
        end(`${worker} ${entry.run}`, atMs);
        break;
      case "killed":
        for (const [key] of ofWorker(worker)) end(key, atMs);
        break;
      case "frozen":
        frozen.set(
          worker,
          ofWorker(worker).map(([, span]) => span),
        );
        for (const [key] of ofWorker(worker)) end(key, atMs);
        break;
      case "thawed":
        for (const span of frozen.get(worker) ?? [])
          open.set(`${worker} ${span.run}`, { ...span, fromMs: atMs });
        frozen.delete(worker);
        break;
      default:
        break;
    }
  }
  return [...spans, ...open.values()];
}
