import { performance } from "node:perf_hooks";
import type { Clock } from "../../src/domain/clock.ts";

/** For tests that wait for real processes. */
export const realClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimeout: (fn, ms) => setTimeout(fn, ms),
  clearTimeout: (id) => clearTimeout(id as NodeJS.Timeout),
};
