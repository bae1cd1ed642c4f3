import { fromPromise } from "xstate";
import type { ClaimAnswer, ClaimInput, RunHold } from "../domain/phase2.ts";
import type { Clock, JobStore } from "../domain/ports.ts";
import type { Settings } from "../domain/settings.ts";

export interface ClaimDeps {
  readonly jobs: Pick<JobStore, "claim">;
  readonly hold: RunHold;
  readonly worker: string;
  readonly clock: Clock;
  readonly settings: Pick<Settings, "leaseSeconds" | "successCooldownSeconds" | "retries">;
}

/**
 * Asks for the one job of the space (original, section 2.2). The token comes with the run, so a repeated
 * claim finds its own row; the fence stays with this process and is not part of the answer.
 */
export function claimJob({ jobs, hold, worker, clock, settings }: ClaimDeps) {
  return fromPromise<ClaimAnswer, ClaimInput>(async ({ input }) => {
    const { leaseSeconds, successCooldownSeconds, retries } = settings;
    const { dryRun = false, ...claim } = input;
    const outcome = await jobs.claim({
      ...claim,
      ...(dryRun ? { remember: true } : {}),
      worker,
      leaseSeconds,
      successCooldownSeconds,
      retries,
      nowMs: clock.nowMs(),
    });
    if (outcome.kind === "skipped") return outcome;
    hold.hold({ space: input.space, token: input.token, fence: outcome.fence });
    const { watermark, before } = outcome;
    return { kind: "claimed", watermark, ...(before === undefined ? {} : { before }) };
  });
}
