import type { Clock } from "../domain/clock.ts";

/** The timers of all runs of a process, on one timer of the clock. */
export interface TimerWheel {
  /** Rings once the wall clock has reached `dueAtMs`, after all that are due before. */
  set(dueAtMs: number, ring: () => void): WheelTimer;
  /** Does nothing where it has rung. */
  cancel(timer: WheelTimer): void;
}

/** A timer that was set, to cancel it by. */
export interface WheelTimer {
  /** By the time that passes. */
  readonly dueAtMs: number;
}

/**
 * The wall clock is looked at at least this often: timers of the system stand still while the computer sleeps, and
 * what fell due meanwhile rings this long after it woke at the latest. It also keeps every wait far below 2^31
 * milliseconds, which Node takes for none.
 */
const LOOK_MS = 60_000;

interface Entry extends WheelTimer {
  /** Those of one moment ring in the order in which they were set. */
  readonly number: number;
  ring: (() => void) | null;
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.dueAtMs < b.dueAtMs || (a.dueAtMs === b.dueAtMs && a.number < b.number);
}

/**
 * Wall clock that never goes back: where it is set back (an hour, or a day that was wrong), time goes on by the monotonic
 * clock. Who set a timer of five minutes is not to wait for a day and five minutes.
 */
function passingTime(clock: Clock): () => number {
  let lastMs = clock.nowMs();
  let lookedAtMs = clock.monotonicMs();
  return () => {
    const monotonicMs = clock.monotonicMs();
    lastMs = Math.max(clock.nowMs(), lastMs + monotonicMs - lookedAtMs);
    lookedAtMs = monotonicMs;
    return lastMs;
  };
}

/** Due times are wall clock, so that they survive a restart. They ring in due order, however late. */
export function timerWheel(clock: Clock): TimerWheel {
  const passedMs = passingTime(clock);
  const heap: Entry[] = [];
  let next = 0;
  let live = 0;
  let timer: unknown = null;
  let timerAtMs = Number.POSITIVE_INFINITY;

  /** Until the earliest entry, or the next look. A timer that is set already and rings before is left alone. */
  function arm(): void {
    while (heap[0]?.ring === null) pop();
    const first = heap[0];
    if (first === undefined) {
      if (timer !== null) clock.clearTimeout(timer);
      timer = null;
      return;
    }
    const waitMs = Math.min(LOOK_MS, Math.max(0, first.dueAtMs - passedMs()));
    const ringsAtMs = clock.monotonicMs() + waitMs;
    if (timer !== null && timerAtMs <= ringsAtMs) return;
    if (timer !== null) clock.clearTimeout(timer);
    timerAtMs = ringsAtMs;
    timer = clock.setTimeout(ringDue, Math.ceil(waitMs));
  }

  function ringDue(): void {
    timer = null;
    for (let first = heap[0]; first !== undefined && first.dueAtMs <= passedMs(); first = heap[0]) {
      pop();
      const { ring } = first;
      if (ring === null) continue;
      first.ring = null;
      live -= 1;
      ring();
    }
    arm();
  }

  function push(entry: Entry): void {
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!isBefore(entry, heap[above] as Entry)) break;
      heap[at] = heap[above] as Entry;
      at = above;
    }
    heap[at] = entry;
  }

  function pop(): void {
    const last = heap.pop() as Entry;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && isBefore(heap[below + 1] as Entry, heap[below] as Entry)) below += 1;
      if (!isBefore(heap[below] as Entry, last)) break;
      heap[at] = heap[below] as Entry;
      at = below;
    }
    heap[at] = last;
  }

  /** Cancelled entries are left in place until they come up, or are the most of all. */
  function sweep(): void {
    if (heap.length < 64 || live * 2 > heap.length) return;
    const left = heap.filter(({ ring }) => ring !== null);
    heap.length = 0;
    for (const entry of left) push(entry);
  }

  return {
    set(dueAtMs, ring) {
      // After the wall clock was set back, both are ahead of it by as much.
      const entry: Entry = { dueAtMs: dueAtMs + passedMs() - clock.nowMs(), number: next, ring };
      next += 1;
      live += 1;
      push(entry);
      arm();
      return entry;
    },
    cancel(timer) {
      const entry = timer as Entry;
      if (entry.ring === null) return;
      entry.ring = null;
      live -= 1;
      sweep();
      if (live === 0 || heap[0]?.ring === null) arm();
    },
  };
}
