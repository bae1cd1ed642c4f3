import type { Clock } from "../../src/domain/ports.ts";

export interface ManualClock extends Clock {
  /** Runs what is due, in order, and lets promises settle in between. */
  advance(ms: number): Promise<void>;
  /** Timers that are set and not yet due. */
  pending(): number;
}

/** A clock that the test owns. */
export function manualClock(startMs = 1_774_000_000_000): ManualClock {
  let now = 0;
  let next = 1;
  const timers = new Map<number, { atMs: number; fn: () => void }>();

  async function settle(): Promise<void> {
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  }

  return {
    nowMs: () => startMs + now,
    monotonicMs: () => now,
    setTimeout(fn, ms) {
      const id = next++;
      timers.set(id, { atMs: now + ms, fn });
      return id;
    },
    clearTimeout: (id) => void timers.delete(id as number),
    pending: () => timers.size,
    async advance(ms) {
      const until = now + ms;
      await settle();
      for (;;) {
        const due = [...timers]
          .filter(([, timer]) => timer.atMs <= until)
          .sort((a, b) => a[1].atMs - b[1].atMs)[0];
        if (due === undefined) break;
        const [id, timer] = due;
        timers.delete(id);
        now = Math.max(now, timer.atMs);
        timer.fn();
        await settle();
      }
      now = until;
    },
  };
}
