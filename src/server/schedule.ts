import type { Clock } from "../domain/clock.ts";
import type { DueJob, JobStore } from "../domain/job.ts";
import type { Engine } from "../internal/engine.ts";

export interface ScheduleOptions {
  readonly jobs: Pick<JobStore, "due">;
  readonly engine: Pick<Engine, "startIfDue" | "recover">;
  readonly clock: Clock;
  readonly everyMs: number;
  readonly successCooldownSeconds: number;
  readonly retries: number;
  /** Whether the day's budget of a space is used up; absent: no space has one. */
  readonly isSpent?: (space: string) => Promise<boolean>;
  /** Awaited at the beginning of each round: what makes spaces due. What it rejects with is told, and the round goes on. */
  readonly before?: () => Promise<void>;
  /** What could not be started or finished here; the next round tries again. */
  readonly failed: (space: string | null, error: unknown) => void;
}

/** Runs at work at once, those taken over from dead processes included; each has an agent of its own. */
const AT_ONCE = 2;
/** Due spaces that are read at once. */
const PAGE = 100;

/**
 * Runs every space that is due, at once and then every `everyMs`: those a claim would be given for by the rules of
 * the claim itself. Rounds don't overlap, a space is worked on once a round, and runs left by dead processes are
 * taken over first. After `stop` no further run is begun.
 */
export function keepDue(options: ScheduleOptions) {
  const { jobs, engine, clock, everyMs, successCooldownSeconds, retries, failed, isSpent, before } = options;
  let isStopped = false;
  let timer: unknown = null;

  /** The next space of the round at each call, longest due first; null when none is left that was due when it began. */
  function dueSpaces(): () => Promise<string | null> {
    const request = { successCooldownSeconds, retries, nowMs: clock.nowMs(), limit: PAGE };
    const taken = new Set<string>();
    let page: DueJob[] = [];
    let last: DueJob | undefined;
    let isLast = false;
    let reading: Promise<void> | null = null;

    async function read(): Promise<void> {
      const found = await jobs.due({ ...request, ...(last !== undefined && { after: last }) });
      last = found.at(-1) ?? last;
      isLast = found.length < PAGE;
      page = found.filter(({ space }) => !taken.has(space));
    }

    return async () => {
      while (page.length === 0 && !isLast) {
        reading ??= read().finally(() => {
          reading = null;
        });
        await reading;
      }
      const space = page.shift()?.space ?? null;
      if (space !== null) taken.add(space);
      return space;
    };
  }

  async function work(next: () => Promise<string | null>): Promise<void> {
    for (let space = await next(); space !== null && !isStopped; space = await next()) {
      try {
        // Here and not only in the claim, or each round would leave a skipped run behind.
        if (await isSpent?.(space)) continue;
        await (await engine.startIfDue({ space }))?.result;
      } catch (error) {
        if (!isStopped) failed(space, error);
      }
    }
  }

  async function round(): Promise<void> {
    const beganMs = clock.monotonicMs();
    try {
      await before?.().catch((error: unknown) => {
        if (!isStopped) failed(null, error);
      });
      await engine.recover({ maxLiveRuns: AT_ONCE });
      const next = dueSpaces();
      await Promise.all(Array.from({ length: AT_ONCE }, () => work(next)));
    } catch (error) {
      if (!isStopped) failed(null, error);
    }
    if (isStopped) return;
    timer = clock.setTimeout(() => void round(), Math.max(0, beganMs + everyMs - clock.monotonicMs()));
  }

  void round();
  return {
    stop: () => {
      isStopped = true;
      clock.clearTimeout(timer);
    },
  };
}
