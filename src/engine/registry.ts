import { createStore } from "@xstate/store";
import { Map as PersistentMap } from "immutable";
import type { RunEvent, RunResult } from "../domain/event.ts";

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

export interface LiveRuns {
  /** By id. A map of `immutable`: one change among ten thousand runs copies a handful of entries, not all. */
  readonly runs: PersistentMap<string, LiveRun>;
  /** Ids of those that have a result, oldest first. */
  readonly finished: readonly string[];
}

const KEPT_FINISHED = 100;

/** The runs of this process, folded from their events; select and subscribe as with any `@xstate/store` store. */
export function createRunRegistry() {
  return createStore({
    context: { runs: PersistentMap<string, LiveRun>(), finished: [] } as LiveRuns,
    on: {
      heard: (context, { event }: { event: RunEvent }) => {
        const told = change(event);
        if (told === null) return context;
        const runs = context.runs.update(event.run, unknownRun(event), (run) => ({ ...run, ...told }));
        return event.type === "run.finished"
          ? bounded(runs, context.finished, event.run)
          : { ...context, runs };
      },
      /** It could not be begun after all. */
      forgotten: (context, { run }: { run: string }) => ({ ...context, runs: context.runs.delete(run) }),
    },
  });
}

export type RunRegistry = ReturnType<typeof createRunRegistry>;

function unknownRun({ run, space, atMs }: RunEvent): LiveRun {
  return {
    id: run,
    space,
    adopted: false,
    state: "",
    enteredAtMs: atMs,
    lastBeatAtMs: null,
    text: null,
    result: null,
  };
}

/** Null when the registry doesn't tell of it. */
function change(event: RunEvent): Partial<LiveRun> | null {
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
      return null;
  }
}

/** Finished runs are forgotten oldest first; a host with thousands of spaces would keep them for ever. */
function bounded(runs: LiveRuns["runs"], finished: readonly string[], run: string): LiveRuns {
  const all = finished.includes(run) ? finished : [...finished, run];
  const gone = all.slice(0, Math.max(0, all.length - KEPT_FINISHED));
  return { runs: runs.deleteAll(gone), finished: all.slice(gone.length) };
}
