import type { Clock } from "../domain/clock.ts";
import type { Store } from "../domain/ports.ts";

/** A worker tells of itself so often, or three times within the time after which it would be taken for dead. */
const BEAT_MS = 5_000;
/** How far the store's clock is from this one's is asked this often. */
const CLOCK_MS = 60_000;
/** So much of the time after which others take a process for dead may pass without a beat. */
const FENCE_SHARE = 2 / 3;
/** So much of it an agent is given at each step of its end: to stop by itself, and after SIGTERM. */
const GRACE_SHARE = 1 / 15;
/** Looks at the clock lie at most, and at least, so much of it apart. */
const LONGEST_LOOK_SHARE = 1 / 15;
const SHORTEST_LOOK_SHARE = 1 / 150;

/** Tells the fleet that a worker lives, and the worker when the fleet may think that it does not. */
export interface Heart {
  /** The first beat; rejects when the store can't be reached. */
  start(): Promise<void>;
  beat(): Promise<void>;
  /** Milliseconds since the store last knew that this process lives. */
  ageMs(): number;
  isCutOff(): boolean;
  stop(): void;
}

export interface HeartOptions {
  readonly store: Pick<Store, "admissions" | "liveness" | "clock" | "nowMs">;
  readonly clock: Clock;
  readonly owner: string;
  readonly sendBeat: (clockOffsetMs: number) => Promise<void>;
  /** Others may take this process for dead soon: it must end its agents before they start theirs, with so much grace. */
  readonly cutOff: (graceMs: number) => void;
  /** The store knows again that it lives. */
  readonly back: () => void;
}

/**
 * Where the store tells life by rows that are renewed, a process that could not renew its own for two thirds of the time
 * after which it counts as dead is cut off; so is one that finds that it stood still for so long itself, and one that
 * others took for dead. Its agents have the last third to end: with their two graces they are killed at 4/5, and 1/5 is
 * left for a busy machine. Where locks of the machine tell, nothing needs to be fenced.
 */
export function createHeart({ store, clock, owner, sendBeat, cutOff, back }: HeartOptions): Heart {
  const { ttlMs } = store.liveness;
  const fenceMs = ttlMs === null ? Number.POSITIVE_INFINITY : ttlMs * FENCE_SHARE;
  const beatMs = ttlMs === null ? BEAT_MS : Math.min(BEAT_MS, ttlMs / 3);
  let beatTimer: unknown = null;
  let checkTimer: unknown = null;
  const madeAtMs = clock.monotonicMs();
  let sentAtMs = clock.monotonicMs();
  let checkedAtMs = clock.monotonicMs();
  let askedAtMs = Number.NEGATIVE_INFINITY;
  let offsetMs = 0;
  let isCutOff = false;
  let isStopped = false;

  async function beat(): Promise<void> {
    if (store.clock === "store" && clock.monotonicMs() - askedAtMs >= CLOCK_MS) {
      const beforeMs = clock.nowMs();
      const storeMs = await store.nowMs();
      offsetMs = Math.round(storeMs - (beforeMs + clock.nowMs()) / 2);
      askedAtMs = clock.monotonicMs();
    }
    await sendBeat(offsetMs);
    sentAtMs = clock.monotonicMs();
  }

  function beatLater(): void {
    beatTimer = clock.setTimeout(async () => {
      // What fails is told by its age.
      await beat().catch(() => {});
      if (!isStopped) beatLater();
    }, beatMs);
  }

  function ageMs(): number {
    if (ttlMs === null) return clock.monotonicMs() - sentAtMs;
    return store.liveness.sinceBeatMs(owner);
  }

  /** The next look is when it would be late, so that nothing but a busy machine is added to that. */
  function checkLater(ttlMs: number): void {
    const untilLateMs = isCutOff ? Number.POSITIVE_INFINITY : fenceMs - ageMs() + 1;
    const ms = Math.max(ttlMs * SHORTEST_LOOK_SHARE, Math.min(ttlMs * LONGEST_LOOK_SHARE, untilLateMs));
    checkTimer = clock.setTimeout(() => {
      const stoodStillMs = clock.monotonicMs() - checkedAtMs;
      checkedAtMs = clock.monotonicMs();
      const isLate = Math.max(stoodStillMs, ageMs()) > fenceMs;
      if (isLate !== isCutOff) {
        isCutOff = isLate;
        if (isLate) cutOff(ttlMs * GRACE_SHARE);
        else back();
      }
      if (!isStopped) checkLater(ttlMs);
    }, ms);
  }

  return {
    start: async () => {
      await beat();
      beatLater();
      checkedAtMs = clock.monotonicMs();
      if (ttlMs !== null) checkLater(ttlMs);
    },
    beat,
    // One that others took for dead counts as silent since it began.
    ageMs: () => Math.min(ageMs(), clock.monotonicMs() - madeAtMs),
    isCutOff: () => isCutOff,
    stop: () => {
      isStopped = true;
      clock.clearTimeout(beatTimer);
      clock.clearTimeout(checkTimer);
    },
  };
}
