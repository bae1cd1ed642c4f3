import type { Clock } from "../../src/domain/clock.ts";
import { createTestClock } from "../../src/testing/clock.ts";

/** The test clock of one process after another: time passes at once, and a crash leaves no timers. */
export interface VirtualClock extends Clock {
  advance(ms: number): void;
  forgetTimers(): void;
  timers(): number;
}

export function virtualClock(startMs: number): VirtualClock {
  const { ring, pending, ...clock } = createTestClock(startMs);
  return { ...clock, advance: ring, timers: pending };
}
