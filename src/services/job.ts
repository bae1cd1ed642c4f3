import {
  catchError,
  defer,
  exhaustMap,
  filter,
  map,
  NEVER,
  Observable,
  of,
  retry,
  type SchedulerLike,
  take,
  throwError,
  timer,
} from "rxjs";
import { fromEventObservable, fromPromise } from "xstate";
import type { Clock } from "../domain/clock.ts";
import { causeOf, SlowwaveError } from "../domain/failure.ts";
import type { JobStore, Lease } from "../domain/job.ts";
import type {
  ClaimAnswer,
  ClaimInput,
  FailureInput,
  LeaseHolder,
  Phase2Event,
  RunInput,
  SettleAnswer,
  SuccessInput,
} from "../domain/phase2.ts";
import type { RunStore } from "../domain/run.ts";
import { schedulerOf } from "../domain/scheduler.ts";
import type { Settings } from "../domain/settings.ts";
import type { Status } from "../domain/status.ts";
import { type DayLimits, dayUse, hasDayLimits, spentSentence } from "../domain/usage.ts";

export interface ClaimDeps {
  readonly jobs: Pick<JobStore, "claim" | "release" | "takeOver" | "rowBeforeClaim">;
  /** Tells what the space used within a day; asked only where a day has a limit. */
  readonly runs?: Pick<RunStore, "list" | "tail">;
  readonly holder: LeaseHolder;
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
export function claimJob({ jobs, runs, holder, worker, clock, settings }: ClaimDeps) {
  const isLimited = hasDayLimits(settings);

  async function spent(space: string): Promise<string | null> {
    if (runs === undefined || !isLimited) return null;
    const request = { space, nowMs: clock.nowMs(), limits: settings, except: holder.run };
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
    holder.setLease(lease);
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

export interface KeepLeaseDeps {
  readonly jobs: Pick<JobStore, "renew">;
  readonly holder: LeaseHolder;
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
export function keepLease({ jobs, holder, clock, settings }: KeepLeaseDeps) {
  const { leaseSeconds, heartbeatSeconds } = settings;
  const marginMs = Math.min(LONGEST_MARGIN_SECONDS, leaseSeconds / 10) * 1000;
  return fromEventObservable<Phase2Event, RunInput>(() => {
    const scheduler = schedulerOf(clock);
    let safeUntilMs = clock.monotonicMs() + leaseSeconds * 1000 - marginMs;
    const beat = async (): Promise<"held" | "lost"> => {
      const lease = holder.lease();
      if (lease === null) return "lost";
      const beganMs = clock.monotonicMs();
      const { lost } = await jobs.renew([lease], { leaseSeconds, nowMs: clock.nowMs() });
      if (lost.includes(lease.space)) return "lost";
      safeUntilMs = beganMs + leaseSeconds * 1000 - marginMs;
      holder.recordEvent("lease.renewed", { leaseSeconds });
      return "held";
    };
    const untilUncertain = (error: unknown): Observable<unknown> =>
      clock.monotonicMs() + RETRY_MS < safeUntilMs
        ? timer(RETRY_MS, scheduler)
        : throwError(
            () =>
              new SlowwaveError("lease_uncertain", "the lease could not be renewed in time", {
                cause: error,
              }),
          );
    // What a beat is made of is gone with it: between two, a run that waits for hours keeps a timer and little else.
    const badNews = (): Observable<Phase2Event> =>
      defer(beat).pipe(
        retry({ delay: untilUncertain }),
        filter((outcome) => outcome === "lost"),
        map((): Phase2Event => ({ type: "lease.lost", why: "another worker owns the job" })),
        catchError((error: unknown) => of<Phase2Event>({ type: "lease.uncertain", why: causeOf(error) })),
      );
    return atOnceAndEvery(heartbeatSeconds * 1000, scheduler).pipe(exhaustMap(badNews), take(1));
  });
}

/** `timer(0, ms)` whose first tick is not put off to a timer. */
function atOnceAndEvery(ms: number, scheduler: SchedulerLike): Observable<void> {
  return new Observable((ticks) => {
    ticks.next();
    return scheduler.schedule(function tick() {
      ticks.next();
      this.schedule(undefined, ms);
    }, ms);
  });
}

/** Tells when the run's time is up. The deadline is absolute, so a restart neither shortens nor prolongs it. */
export function keepDeadline({ clock, maxRunMinutes }: { clock: Clock; maxRunMinutes: number | null }) {
  return fromEventObservable<Phase2Event, { deadlineAtMs: number | null }>(({ input: { deadlineAtMs } }) =>
    deadlineAtMs === null
      ? NEVER
      : timer(Math.max(0, deadlineAtMs - clock.nowMs()), schedulerOf(clock)).pipe(
          map(
            (): Phase2Event => ({
              type: "budget.reached",
              why: `the run took longer than ${maxRunMinutes} minute${maxRunMinutes === 1 ? "" : "s"} (maxRunMinutes)`,
            }),
          ),
        ),
  );
}

export interface SettleDeps {
  readonly jobs: Pick<JobStore, "renew" | "succeed" | "fail" | "failUnowned" | "release">;
  readonly holder: LeaseHolder;
  readonly clock: Clock;
  readonly settings: Pick<Settings, "retryDelaySeconds" | "leaseSeconds">;
}

/** Is the job still ours? A renewal that answers (original, section 6.4: the heartbeat before finalising). */
export function confirmOwnership({ jobs, holder, clock, settings }: SettleDeps) {
  return fromPromise<{ owner: boolean }, RunInput>(async () => {
    const lease = holder.lease();
    if (lease === null) return { owner: false };
    const { leaseSeconds } = settings;
    const { lost } = await jobs.renew([lease], { leaseSeconds, nowMs: clock.nowMs() });
    return { owner: !lost.includes(lease.space) };
  });
}

/** The guarded write of the success (original, section 2.5), after `before`; a dry run puts the row back instead. */
export function recordSuccess({
  jobs,
  holder,
  clock,
  before,
}: SettleDeps & { before?: () => Promise<void> }) {
  return fromPromise<SettleAnswer, SuccessInput>(async ({ input }) => {
    await before?.();
    const lease = holder.lease();
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
 * the fallback for a row without a token. A run that was cancelled, or whose machine is gone, releases the job instead.
 */
export function recordFailure({ jobs, holder, clock, settings }: SettleDeps) {
  return fromPromise<SettleAnswer, FailureInput>(async ({ input }) => {
    const lease = holder.lease();
    if (lease === null) return "lost";
    return twice(async () => {
      const nowMs = clock.nowMs();
      const { restore } = input;
      if (restore) return jobs.release({ lease, reason: "dry run", restore, nowMs });
      if (isReleased(input.status)) return jobs.release({ lease, reason: input.status, nowMs });
      const failure = { lease, reason: input.status, retryDelaySeconds: settings.retryDelaySeconds, nowMs };
      const outcome = await jobs.fail(failure);
      return outcome === "lost" ? jobs.failUnowned(failure) : outcome;
    });
  });
}

/** Ends that are no failure of the work: the space is due again at once, and no retry is used up. */
export function isReleased(status: Status): boolean {
  return status === "cancelled" || status === "machine_lost";
}

/**
 * A write that failed is given once more, at once: each finds its own trace, and a passing fault must not leave the row
 * `running` until the lease ends. What a store can wait out it has waited out itself. The last error is told.
 */
async function twice<Answer>(write: () => Promise<Answer>): Promise<Answer> {
  return write().catch(() => write());
}
