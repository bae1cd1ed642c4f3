import { randomInt, randomUUID } from "node:crypto";
import { performance } from "node:perf_hooks";
import { type Clock, type Ids, withLongTimers } from "../domain/clock.ts";
import { SlowwaveError } from "../domain/failure.ts";

/** The real clock; the only place of the library that reads one. */
export const systemClock: Clock = withLongTimers({
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimeout: (fn, ms) => setTimeout(fn, ms),
  clearTimeout: (id) => clearTimeout(id as NodeJS.Timeout),
});

const CLOCK_METHODS = ["nowMs", "monotonicMs", "setTimeout", "clearTimeout"] as const;

/** The clock that a host gave, or the real one; its timers may be of any length. Throws `invalid_settings`. */
export function clockOf(given?: Clock): Clock {
  if (given === undefined) return systemClock;
  const missing = CLOCK_METHODS.find((name) => typeof given[name] !== "function");
  if (missing === undefined) return withLongTimers(given);
  throw new SlowwaveError(
    "invalid_settings",
    `\`clock\` has no function \`${missing}\`; a clock has ${CLOCK_METHODS.join(", ")}.`,
  );
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
