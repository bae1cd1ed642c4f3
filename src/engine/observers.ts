import { type Observable, Subject } from "rxjs";
import type { RunEvent } from "../domain/event.ts";
import { createMeter } from "./meter.ts";
import { createRunRegistry, type RunRegistry } from "./registry.ts";

/** All who watch the runs of this process: the registry, the metrics, the host's subscribers. None can harm a run. */
export interface Observers {
  readonly runs: RunRegistry;
  readonly events$: Observable<RunEvent>;
  tell(event: RunEvent): void;
  /** A run that could not be begun after all. */
  forget(run: string): void;
  complete(): void;
}

export function createObservers(): Observers {
  const runs = createRunRegistry();
  const events$ = new Subject<RunEvent>();
  const measure = createMeter();
  return {
    runs,
    events$: events$.asObservable(),
    tell(event) {
      unharmed(() => runs.trigger.heard({ event }));
      measure(event);
      events$.next(event);
    },
    forget: (run) => unharmed(() => runs.trigger.forgotten({ run })),
    complete: () => events$.complete(),
  };
}

/** What a subscriber of the store throws is the host's to see, as it is with an observable; the run goes on. */
function unharmed(observe: () => void): void {
  try {
    observe();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
