import type { Clock } from "../../src/domain/ports.ts";

/** Time that stands still until the test moves it; timers ring in the order of their due times. */
export interface VirtualClock extends Clock {
  /** Rings everything that falls due on the way; a timer set by another rings too when it is due. */
  advance(ms: number): void;
  /** What a crash leaves of timers: nothing. */
  forgetTimers(): void;
  timers(): number;
}

export function virtualClock(startMs: number): VirtualClock {
  let elapsedMs = 0;
  let last = 0;
  const timers = new Map<number, { readonly atMs: number; readonly ring: () => void }>();
  return {
    nowMs: () => startMs + elapsedMs,
    monotonicMs: () => elapsedMs,
    setTimeout(ring, ms) {
      last += 1;
      timers.set(last, { atMs: elapsedMs + Math.max(0, ms), ring });
      return last;
    },
    clearTimeout: (id) => void timers.delete(id as number),
    advance(ms) {
      const untilMs = elapsedMs + ms;
      for (;;) {
        const due = [...timers].filter(([, { atMs }]) => atMs <= untilMs);
        const [next] = due.sort(([a, left], [b, right]) => left.atMs - right.atMs || a - b);
        if (next === undefined) break;
        const [id, { atMs, ring }] = next;
        timers.delete(id);
        elapsedMs = atMs;
        ring();
      }
      elapsedMs = untilMs;
    },
    forgetTimers: () => timers.clear(),
    timers: () => timers.size,
  };
}
