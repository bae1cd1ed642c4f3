/** Current time. The only clock below is a parameter; this is where it comes from. */
export interface Clock {
  /** Unix milliseconds; may jump. */
  nowMs(): number;
  /** Milliseconds that never go back; for limits and margins. */
  monotonicMs(): number;
  setTimeout(fn: () => void, ms: number): unknown;
  clearTimeout(id: unknown): void;
}

export interface Ids {
  /** Sortable by time. */
  run(): string;
  /** UUIDv4 in the original's spelling. */
  token(): string;
  generation(): string;
}

/** Resolves after `ms` of the given clock; rejects with the signal's reason when that aborts first. */
export function pause(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stopped = () => {
      clock.clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = clock.setTimeout(() => {
      signal?.removeEventListener("abort", stopped);
      resolve();
    }, ms);
    if (signal?.aborted) stopped();
    else signal?.addEventListener("abort", stopped, { once: true });
  });
}

/**
 * What `work` comes to; rejects with what `tooLate` makes when that takes longer than `ms` (null: however long it takes).
 * Its late end is nobody's.
 */
export function answersWithin<Answer>(
  clock: Clock,
  ms: number | null,
  work: Promise<Answer>,
  tooLate: () => unknown,
): Promise<Answer> {
  if (ms === null) return work;
  return new Promise((resolve, reject) => {
    const timer = clock.setTimeout(() => reject(tooLate()), ms);
    const ended =
      <Value>(end: (value: Value) => void) =>
      (value: Value) => {
        clock.clearTimeout(timer);
        end(value);
      };
    work.then(ended(resolve), ended(reject));
  });
}

/** Whether `work` settled within `ms`. Its rejection is the caller's; its late end is nobody's. */
export async function settlesWithin(clock: Clock, ms: number, work: Promise<unknown>): Promise<boolean> {
  const late = Symbol("late");
  try {
    await answersWithin(clock, ms, work, () => late);
    return true;
  } catch (error) {
    if (error === late) return false;
    throw error;
  }
}

/** A timer of Node's, and of every clock made like it, holds no more milliseconds than these; a longer one rings at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The same clock, which waits for a time that no single timer holds in several steps. */
export function withLongTimers(clock: Clock): Clock {
  const steps = new WeakMap<object, unknown>();
  return {
    nowMs: () => clock.nowMs(),
    monotonicMs: () => clock.monotonicMs(),
    setTimeout(fn, ms) {
      if (!(ms > LONGEST_TIMER_MS)) return clock.setTimeout(fn, ms);
      const dueMs = clock.monotonicMs() + ms;
      const timer = {};
      const step = () => {
        const leftMs = dueMs - clock.monotonicMs();
        if (leftMs <= 0) fn();
        else steps.set(timer, clock.setTimeout(step, Math.min(leftMs, LONGEST_TIMER_MS)));
      };
      step();
      return timer;
    },
    clearTimeout(id) {
      const isLong = typeof id === "object" && id !== null && steps.has(id);
      clock.clearTimeout(isLong ? steps.get(id) : id);
    },
  };
}
