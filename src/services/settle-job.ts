import { fromPromise } from "xstate";
import type { Clock } from "../domain/clock.ts";
import type { JobStore } from "../domain/job.ts";
import type { FailureInput, RunHold, RunInput, SettleAnswer, SuccessInput } from "../domain/phase2.ts";
import type { Settings } from "../domain/settings.ts";

export interface SettleDeps {
  readonly jobs: Pick<JobStore, "renew" | "succeed" | "fail" | "failUnowned" | "release">;
  readonly hold: RunHold;
  readonly clock: Clock;
  readonly settings: Pick<Settings, "retryDelaySeconds" | "leaseSeconds">;
}

/** Is the job still ours? A renewal that answers (original, section 6.4: the heartbeat before finalising). */
export function confirmOwnership({ jobs, hold, clock, settings }: SettleDeps) {
  return fromPromise<{ owner: boolean }, RunInput>(async () => {
    const lease = hold.lease();
    if (lease === null) return { owner: false };
    const { leaseSeconds } = settings;
    const { lost } = await jobs.renew([lease], { leaseSeconds, nowMs: clock.nowMs() });
    return { owner: !lost.includes(lease.space) };
  });
}

/** The guarded write of the success (original, section 2.5); a dry run puts the row back instead. */
export function recordSuccess({ jobs, hold, clock }: SettleDeps) {
  return fromPromise<SettleAnswer, SuccessInput>(async ({ input }) => {
    const lease = hold.lease();
    if (lease === null) return "lost";
    const { restore } = input;
    return twice(async () =>
      restore
        ? jobs.release({ lease, reason: "dry run", restore, nowMs: clock.nowMs() })
        : jobs.succeed({ lease, watermark: input.watermark, nowMs: clock.nowMs() }),
    );
  });
}

/**
 * The guarded write of the failure (original, section 2.6): the strict one; only when that changed nothing
 * the fallback for a row without a token. A cancelled run releases the job instead.
 */
export function recordFailure({ jobs, hold, clock, settings }: SettleDeps) {
  return fromPromise<SettleAnswer, FailureInput>(async ({ input }) => {
    const lease = hold.lease();
    if (lease === null) return "lost";
    return twice(async () => {
      const nowMs = clock.nowMs();
      const { restore } = input;
      if (restore) return jobs.release({ lease, reason: "dry run", restore, nowMs });
      if (input.status === "cancelled") return jobs.release({ lease, reason: "cancelled", nowMs });
      const failure = { lease, reason: input.status, retryDelaySeconds: settings.retryDelaySeconds, nowMs };
      const settled = await jobs.fail(failure);
      return settled === "lost" ? jobs.failUnowned(failure) : settled;
    });
  });
}

/**
 * A write that failed is given once more, at once: each finds its own trace, and a passing fault must not leave the row
 * `running` until the lease ends. What a store can wait out it has waited out itself. The last error is told.
 */
async function twice<Answer>(write: () => Promise<Answer>): Promise<Answer> {
  return write().catch(() => write());
}
