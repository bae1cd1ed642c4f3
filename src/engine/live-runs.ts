import { ReplaySubject } from "rxjs";
import type { Clock } from "../domain/clock.ts";
import type { RunEvent, RunResult } from "../domain/event.ts";
import type { RunHold } from "../domain/phase2.ts";
import type { Store } from "../domain/ports.ts";
import type { DurableRun } from "../durable/options.ts";
import type { Run } from "./engine-api.ts";
import { createHold } from "./hold.ts";
import { resultOf } from "./result.ts";
import type { RunTerms } from "./run-context.ts";

/** Observers that subscribe late still hear the run from its beginning. */
const REPLAYED_EVENTS = 1_000;

/** What ties one run to this process. */
interface Binding extends RunTerms {
  readonly hold: RunHold;
  readonly events$: ReplaySubject<RunEvent>;
}

/** The runs this process works on: bound before they are live, so that their actors find what they act under. */
export interface LiveRuns {
  bind(id: string, space: string, terms: RunTerms): Binding;
  /** A run that is bound. */
  bindingOf(id: string): Binding;
  /** A run that could not be begun after all. */
  unbind(id: string): void;
  /** Passes an event on to those who watch its run. */
  publish(event: RunEvent): void;
  /** The run from the host's point of view, until its result is there. */
  follow(run: DurableRun): void;
  of(run: DurableRun): Run;
  get(id: string): Run | undefined;
  all(): readonly Run[];
}

export function createLiveRuns(deps: {
  readonly store: Store;
  readonly clock: Clock;
  readonly emit: (event: RunEvent) => void;
  /** Awaited between the end of a run and its last event. Must not reject. */
  readonly finished: (result: RunResult) => Promise<void>;
  /** This process's part in the run is over, its result is read or can't be. */
  readonly left: (run: string) => void;
}): LiveRuns {
  const { store, clock, emit } = deps;
  const bindings = new Map<string, Binding>();
  const live = new Map<string, Run>();
  const byDurable = new WeakMap<DurableRun, Run>();

  const resultAfter = async ({ id, space, done }: DurableRun): Promise<RunResult> => {
    await done;
    const result = (await resultOf(store, id)) as RunResult;
    await deps.finished(result);
    emit({ type: "run.finished", run: id, space, atMs: clock.nowMs(), result });
    return result;
  };

  return {
    bind(id, space, terms) {
      const hold = createHold({ id, space }, { runs: store.runs, clock, tell: emit });
      const binding = { ...terms, hold, events$: new ReplaySubject<RunEvent>(REPLAYED_EVENTS) };
      bindings.set(id, binding);
      return binding;
    },
    bindingOf: (id) => bindings.get(id) as Binding,
    unbind: (id) => void bindings.delete(id),
    publish: (event) => bindings.get(event.run)?.events$.next(event),
    follow(durable) {
      const { id, space, adopted } = durable;
      const { events$ } = bindings.get(id) as Binding;
      const result = resultAfter(durable).finally(() => {
        bindings.delete(id);
        live.delete(id);
        events$.complete();
        deps.left(id);
      });
      // A host that only listens to events must not be killed by an unhandled rejection.
      result.catch(() => {});
      const run = { id, space, adopted, events$: events$.asObservable(), result };
      live.set(id, run);
      byDurable.set(durable, run);
    },
    of: (durable) => byDurable.get(durable) as Run,
    get: (id) => live.get(id),
    all: () => [...live.values()],
  };
}
