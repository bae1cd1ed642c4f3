import type { Clock } from "../domain/clock.ts";

/** Node holds timers of at most so many milliseconds; one that is longer rings at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** A clock that a test owns: the time on the wall and the time that passed are two things, as they are on a machine. */
export interface TestClock extends Clock {
  /**
   * Lets so much time pass, on the wall too: rings what falls due on the way, in order, and lets promises settle in
   * between. A timer that is set by another rings too when it falls due.
   */
  advance(ms: number): Promise<void>;
  /** The same without letting promises settle. */
  ring(ms: number): void;
  /** The wall clock is set, forth or back; no time passes. */
  jump(ms: number): void;
  /** The machine is suspended: the wall clock goes on, timers and the monotonic clock stand still. */
  suspend(ms: number): void;
  /** What a crash leaves of timers: nothing. */
  forgetTimers(): void;
  /** Timers that are set and not yet due. */
  pending(): number;
}

/**
 * A test clock. It refuses a timer that Node could not hold (`RangeError`), since a real one would ring at once.
 *
 * ```ts
 * const clock = createTestClock();
 * const engine = createEngine({ store, agent, home, clock });
 * await clock.advance(90_000);
 * ```
 */
export function createTestClock(startMs = 1_774_000_000_000): TestClock {
  let passedMs = 0;
  let wallMs = startMs;
  let last = 0;
  const timers = new Map<number, { readonly atMs: number; readonly fn: () => void }>();

  function pass(ms: number): void {
    passedMs += ms;
    wallMs += ms;
  }

  /** Rings the timer that is due next; false when none is until then. */
  function ringNext(untilMs: number): boolean {
    const due = [...timers].filter(([, { atMs }]) => atMs <= untilMs);
    const [next] = due.sort(([a, left], [b, right]) => left.atMs - right.atMs || a - b);
    if (next === undefined) return false;
    const [id, { atMs, fn }] = next;
    timers.delete(id);
    pass(Math.max(0, atMs - passedMs));
    fn();
    return true;
  }

  return {
    nowMs: () => wallMs,
    monotonicMs: () => passedMs,
    setTimeout(fn, ms) {
      if (!(ms <= LONGEST_TIMER_MS)) throw new RangeError(`No timer of Node's holds ${ms} ms.`);
      last += 1;
      timers.set(last, { atMs: passedMs + Math.max(0, ms), fn });
      return last;
    },
    clearTimeout: (id) => void timers.delete(id as number),
    async advance(ms) {
      const untilMs = passedMs + ms;
      await promisesSettled();
      while (ringNext(untilMs)) await promisesSettled();
      pass(untilMs - passedMs);
    },
    ring(ms) {
      const untilMs = passedMs + ms;
      while (ringNext(untilMs));
      pass(untilMs - passedMs);
    },
    jump: (ms) => {
      wallMs += ms;
    },
    suspend: (ms) => {
      wallMs += ms;
    },
    forgetTimers: () => timers.clear(),
    pending: () => timers.size,
  };
}

async function promisesSettled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}
