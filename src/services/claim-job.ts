import { fromPromise } from "xstate";
import type { Clock } from "../domain/clock.ts";
import { type DayLimits, dayUse, hasDayLimits, spentSentence } from "../domain/day-budget.ts";
import type { JobStore, Lease } from "../domain/job.ts";
import type { ClaimAnswer, ClaimInput, RunHold } from "../domain/phase2.ts";
import type { RunStore } from "../domain/run.ts";
import type { Settings } from "../domain/settings.ts";

export interface ClaimDeps {
  readonly jobs: Pick<JobStore, "claim" | "release" | "takeOver" | "rowBeforeClaim">;
  /** Tells what the space used within a day; asked only where a day has a limit. */
  readonly runs?: Pick<RunStore, "list" | "tail">;
  readonly hold: RunHold;
  readonly worker: string;
  readonly clock: Clock;
  readonly settings: Pick<Settings, "leaseSeconds" | "successCooldownSeconds" | "retries"> &
    Partial<DayLimits>;
}

const EXHAUSTED =
  "Runs of this space failed until no retry was left: it waits for a person (`slowwave run --now`) or for new stage-1 outputs, which fill the retries again; `slowwave runs` shows how they failed.";

/**
 * Asks for the one job of the space (original, section 2.2). The token comes with the run, so a repeated
 * claim finds its own row; the fence stays with this process and is not part of the answer.
 *
 * A space whose budget for the day is used up is not claimed. It is looked at again under the claim, when no other
 * run of the space can begin: two processes that start at once can't both have the last of it.
 *
 * A claim that fails may have been given all the same: its answer can be lost on the way, and the second look can fail.
 * The job is then found by the run's token and given back, so that no claim without a run keeps the space.
 */
export function claimJob({ jobs, runs, hold, worker, clock, settings }: ClaimDeps) {
  const isLimited = hasDayLimits(settings);

  async function spent(space: string): Promise<string | null> {
    if (runs === undefined || !isLimited) return null;
    const request = { space, nowMs: clock.nowMs(), limits: settings, except: hold.run };
    return spentSentence(await dayUse(runs, request));
  }

  /** Does nothing when the token holds nothing. What fails here too is left to the next start, which looks again. */
  async function giveBack({ space, token }: ClaimInput): Promise<void> {
    const { leaseSeconds } = settings;
    const lease = await jobs.takeOver({ space, token, worker, leaseSeconds, nowMs: clock.nowMs() });
    if (lease === null) return;
    const before = await jobs.rowBeforeClaim(space, token);
    const restore = before === null ? {} : { restore: before };
    await jobs.release({ lease, reason: "failed_claim", nowMs: clock.nowMs(), ...restore });
  }

  async function claim(input: ClaimInput): Promise<ClaimAnswer> {
    const { leaseSeconds, successCooldownSeconds, retries } = settings;
    const { dryRun = false, ...request } = input;
    const refusal = await spent(input.space);
    if (refusal !== null) return notToday(refusal);
    const outcome = await jobs.claim({
      ...request,
      ...(dryRun || isLimited ? { remember: true } : {}),
      worker,
      leaseSeconds,
      successCooldownSeconds,
      retries,
      nowMs: clock.nowMs(),
    });
    if (outcome.kind === "skipped") {
      return outcome.why === "exhausted" ? { ...outcome, because: EXHAUSTED } : outcome;
    }
    const { watermark, before, fence } = outcome;
    const lease: Lease = { space: input.space, token: input.token, fence };
    const late = await spent(input.space);
    if (late !== null) {
      const restore = before === undefined ? {} : { restore: before };
      await jobs.release({ lease, reason: "cancelled", nowMs: clock.nowMs(), ...restore });
      return notToday(late);
    }
    hold.hold(lease);
    return { kind: "claimed", watermark, ...(before !== undefined && dryRun ? { before } : {}) };
  }

  return fromPromise<ClaimAnswer, ClaimInput>(async ({ input }) => {
    try {
      return await claim(input);
    } catch (error) {
      // Each finds its own trace: what failed once is tried once more, and the claim's own error is what is told.
      await giveBack(input).catch(() => giveBack(input).catch(() => {}));
      throw error;
    }
  });
}

function notToday(because: string): ClaimAnswer {
  return { kind: "skipped", why: "backing-off", because };
}
