import { createStore } from "@xstate/store";
import type { RunEvent } from "../../domain/event.ts";
import type { RunResult } from "../../domain/result.ts";

export interface LiveRun {
  readonly id: string;
  readonly space: string;
  readonly adopted: boolean;
  /** Dotted. */
  readonly state: string;
  readonly enteredAtMs: number;
  readonly lastBeatAtMs: number | null;
  /** Last progress text or agent message. */
  readonly text: string | null;
  readonly result: RunResult | null;
}

const KEPT_FINISHED = 100;

/** The runs of this process, folded from their events; select and subscribe as with any `@xstate/store` store. */
export function createRunRegistry() {
  return createStore({
    context: { runs: {} as Readonly<Record<string, LiveRun>> },
    on: {
      heard: (context, { event }: { event: RunEvent }) => ({ runs: bounded(folded(context.runs, event)) }),
      /** It could not be begun after all. */
      forgotten: (context, { run }: { run: string }) => ({ runs: without(context.runs, run) }),
    },
  });
}

export type RunRegistry = ReturnType<typeof createRunRegistry>;

function folded(runs: Readonly<Record<string, LiveRun>>, event: RunEvent): Readonly<Record<string, LiveRun>> {
  const known = runs[event.run] ?? {
    id: event.run,
    space: event.space,
    adopted: false,
    state: "",
    enteredAtMs: event.atMs,
    lastBeatAtMs: null,
    text: null,
    result: null,
  };
  return { ...runs, [event.run]: { ...known, ...change(event) } };
}

function change(event: RunEvent): Partial<LiveRun> {
  switch (event.type) {
    case "run.started":
      return { adopted: event.adopted, state: event.state };
    case "state.entered":
      return { state: event.state, enteredAtMs: event.atMs };
    case "progress":
    case "agent.message":
      return { text: event.text };
    case "lease.renewed":
      return { lastBeatAtMs: event.atMs };
    case "run.finished":
      return { result: event.result };
    default:
      return {};
  }
}

/** Finished runs are forgotten oldest first; a host with thousands of spaces would keep them for ever. */
function bounded(runs: Readonly<Record<string, LiveRun>>): Readonly<Record<string, LiveRun>> {
  const finished = Object.values(runs).filter((run) => run.result !== null);
  if (finished.length <= KEPT_FINISHED) return runs;
  return without(runs, finished[0]?.id ?? "");
}

function without(runs: Readonly<Record<string, LiveRun>>, run: string): Readonly<Record<string, LiveRun>> {
  const { [run]: _gone, ...rest } = runs;
  return rest;
}
