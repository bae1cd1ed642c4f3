import type { Clock } from "../domain/clock.ts";
import type { Store } from "../domain/ports.ts";
import type { Signal } from "../domain/run.ts";

/** Asks the store for what other processes left for the runs of this one, while runs live. */
export interface InboxPoll {
  start(): void;
  /** No run lives: what is left of the timer does not keep the process alive. */
  idle(): void;
  stop(): void;
}

/** What a clock's timer may be asked, where it can hold the process. */
type Held = { ref?(): void; unref?(): void };

/**
 * A timer that is set with each run and cleared after it costs a short run more than a step, so it is left to ring;
 * only live runs keep the process alive. A store that is busy is asked again.
 */
export function inboxPoll(engine: {
  readonly store: Pick<Store, "runs">;
  readonly clock: Clock;
  readonly owner: string;
  readonly pollMs: number;
  isNeeded(): boolean;
  cancel(run: string): void;
  signal(signal: Signal): void;
  pause(paused: ReadonlySet<string>): void;
}): InboxPoll {
  const { store, clock, owner, pollMs } = engine;
  let timer: Held | undefined | null = null;

  async function ask(): Promise<void> {
    try {
      for (const run of await store.runs.cancelRequests(owner)) engine.cancel(run);
      const { signals, paused } = await store.runs.inbox(owner);
      engine.pause(new Set(paused));
      for (const signal of signals) engine.signal(signal);
    } catch {
      // Busy: asked again after the next wait.
    }
  }

  function start(): void {
    if (!engine.isNeeded()) return;
    if (timer !== null) {
      timer?.ref?.();
      return;
    }
    timer = clock.setTimeout(async () => {
      timer = null;
      if (!engine.isNeeded()) return;
      await ask();
      start();
    }, pollMs) as Held | undefined;
  }

  return {
    start,
    idle: () => timer?.unref?.(),
    stop: () => {
      if (timer !== null) clock.clearTimeout(timer);
    },
  };
}
