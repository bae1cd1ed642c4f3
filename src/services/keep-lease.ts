import {
  catchError,
  defer,
  exhaustMap,
  filter,
  map,
  type Observable,
  of,
  retry,
  take,
  throwError,
} from "rxjs";
import { fromEventObservable } from "xstate";
import { after, type Clock, ticks } from "../domain/clock.ts";
import { causeOf, SlowwaveError } from "../domain/failure.ts";
import type { JobStore } from "../domain/job.ts";
import type { Phase2Event, RunHold, RunInput } from "../domain/phase2.ts";
import type { Settings } from "../domain/settings.ts";

export interface KeepLeaseDeps {
  readonly jobs: Pick<JobStore, "renew">;
  readonly hold: RunHold;
  readonly clock: Clock;
  readonly settings: Pick<Settings, "leaseSeconds" | "heartbeatSeconds">;
}

const LONGEST_MARGIN_SECONDS = 300;
const RETRY_MS = 1_000;

/**
 * Renews the lease at once and then every `heartbeatSeconds`, until it is lost (original, section 2.4).
 * A beat still under way when the next is due swallows it. Only bad news is told: "not the owner" at once;
 * a busy store only when the lease comes within a safety margin of its end, on a clock that never jumps.
 */
export function keepLease({ jobs, hold, clock, settings }: KeepLeaseDeps) {
  const { leaseSeconds, heartbeatSeconds } = settings;
  const marginMs = Math.min(LONGEST_MARGIN_SECONDS, leaseSeconds / 10) * 1000;
  return fromEventObservable<Phase2Event, RunInput>(() => {
    let safeUntilMs = clock.monotonicMs() + leaseSeconds * 1000 - marginMs;
    const beat = async (): Promise<"held" | "lost"> => {
      const lease = hold.lease();
      if (lease === null) return "lost";
      const beganMs = clock.monotonicMs();
      const { lost } = await jobs.renew([lease], { leaseSeconds, nowMs: clock.nowMs() });
      if (lost.includes(lease.space)) return "lost";
      safeUntilMs = beganMs + leaseSeconds * 1000 - marginMs;
      hold.note("lease.renewed", { leaseSeconds });
      return "held";
    };
    const untilUncertain = (error: unknown): Observable<unknown> =>
      clock.monotonicMs() + RETRY_MS < safeUntilMs
        ? after(clock, RETRY_MS)
        : throwError(
            () =>
              new SlowwaveError("lease_uncertain", "the lease could not be renewed in time", {
                cause: error,
              }),
          );
    return ticks(clock, heartbeatSeconds * 1000).pipe(
      exhaustMap(() => defer(beat).pipe(retry({ delay: untilUncertain }))),
      filter((outcome) => outcome === "lost"),
      map((): Phase2Event => ({ type: "lease.lost", why: "another worker owns the job" })),
      catchError((error: unknown) => of<Phase2Event>({ type: "lease.uncertain", why: causeOf(error) })),
      take(1),
    );
  });
}
