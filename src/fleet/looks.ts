import type { Clock } from "../domain/clock.ts";

/** After a look, what wakes a worker waits at least so long. */
const WAKE_MS = 50;

/** A worker alone looks so often where nothing wakes it before. */
const LOOK_MS = 1_000;
/** All of a fleet together look this often, however many they are, and each of them at the latest after so long. */
const FLEET_LOOK_MS = 500;
const LONGEST_LOOK_MS = 30_000;
/** So many look when something became due. Were it all, each of a thousand workers would ask for each space. */
const WOKEN = 8;

/** How long one of so many workers with places free rests between two looks, in milliseconds. */
export function restMs(workers: number): number {
  return Math.min(LONGEST_LOOK_MS, Math.max(LOOK_MS, workers * FLEET_LOOK_MS));
}

/** Whether not all of so many look when something became due, so that who takes all it can tells the others. */
export function isShared(workers: number): boolean {
  return workers > WOKEN;
}

/** Whether one of so many looks when something became due; `random` is from 0 to 1. */
export function isWoken(workers: number, random: number): boolean {
  return random * workers < WOKEN;
}

/** Looks now and then, one look at a time. */
export interface Looks {
  /** A look now, or soon after the last one, or after the one that is under way. */
  wake(): void;
  /** No further look; resolves when the one under way is over. */
  stop(): Promise<void>;
}

/** `look` answers in how many milliseconds to look again at the latest; it must not reject. Looks at once. */
export function createLooks(clock: Clock, look: () => Promise<number>): Looks {
  let timer: unknown = null;
  let dueAtMs = Number.POSITIVE_INFINITY;
  let looking: Promise<void> | null = null;
  let isWanted = false;
  let isStopped = false;
  let endedAtMs = Number.NEGATIVE_INFINITY;

  function lookIn(ms: number): void {
    const atMs = clock.monotonicMs() + ms;
    if (isStopped || atMs >= dueAtMs) return;
    clock.clearTimeout(timer);
    dueAtMs = atMs;
    timer = clock.setTimeout(() => {
      looking = lookNow();
    }, ms);
  }

  async function lookNow(): Promise<void> {
    dueAtMs = Number.POSITIVE_INFINITY;
    isWanted = false;
    const restMs = await look();
    looking = null;
    endedAtMs = clock.monotonicMs();
    lookIn(isWanted ? WAKE_MS : restMs);
  }

  lookIn(0);
  return {
    wake: () => {
      if (looking === null) lookIn(Math.max(0, endedAtMs + WAKE_MS - clock.monotonicMs()));
      else isWanted = true;
    },
    stop: async () => {
      isStopped = true;
      clock.clearTimeout(timer);
      await looking;
    },
  };
}
