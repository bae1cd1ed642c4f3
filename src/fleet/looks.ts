import type { Clock } from "../domain/clock.ts";

/** After a look, what wakes a worker waits at least so long. */
const WAKE_MS = 50;

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
