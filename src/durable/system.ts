import { randomInt, randomUUID } from "node:crypto";
import { performance } from "node:perf_hooks";
import type { Clock, Ids } from "../domain/clock.ts";

/** A timer of Node's, and of every clock made like it, holds no more milliseconds than these; a longer one fires at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The real clock; the only place of the library that reads one. */
export const systemClock: Clock = withLongTimers({
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimeout: (fn, ms) => setTimeout(fn, ms),
  clearTimeout: (id) => clearTimeout(id as NodeJS.Timeout),
});

/** The clock that a host gave, or the real one; its timers may be of any length. */
export function clockOf(given?: Clock): Clock {
  return given === undefined ? systemClock : withLongTimers(given);
}

/** The same clock, which waits for a time that no single timer holds in several steps. */
function withLongTimers(clock: Clock): Clock {
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

/** Ids of runs and generations sort by the time they were made: 10 characters of time, 8 of chance. */
export function systemIds(clock: Clock = systemClock): Ids {
  const sortable = () =>
    clock.nowMs().toString(32).padStart(10, "0") +
    randomInt(2 ** 40)
      .toString(32)
      .padStart(8, "0");
  return { run: sortable, generation: sortable, token: () => randomUUID() };
}
