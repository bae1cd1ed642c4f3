import type { Clock } from "../domain/clock.ts";
import type { Store } from "../domain/ports.ts";
import type { Signal } from "../domain/run.ts";
import { repeated } from "./repeated.ts";

/** Asks the store for what other processes left for the runs of this one, while runs live. */
export interface InboxPoll {
  start(): void;
  /** No run lives: what is left of the timer does not keep the process alive. */
  idle(): void;
  stop(): void;
}

/**
 * A timer that is set with each run and cleared after it costs a short run more than a step, so it is left to ring;
 * only live runs keep the process alive. A store that is busy is asked again. The store tells when others have written to
 * it, so that what they left is found at once; the timer finds what was missed.
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
  let watching: AbortController | null = null;
  let isAsking = false;
  let isAskedAgain = false;

  async function ask(): Promise<void> {
    isAskedAgain = isAsking;
    if (isAsking) return;
    isAsking = true;
    try {
      for (const run of await store.runs.cancelRequests(owner)) engine.cancel(run);
      const { signals, paused } = await store.runs.inbox(owner);
      engine.pause(new Set(paused));
      for (const signal of signals) engine.signal(signal);
    } catch {
      // Busy: asked again after the next wait.
    }
    isAsking = false;
    if (isAskedAgain) await ask();
  }

  function watch(): void {
    watching = new AbortController();
    const listener = () => {
      if (engine.isNeeded()) void ask();
    };
    // Where that fails there is still the timer.
    store.runs.watch(listener, watching.signal).catch(() => {});
  }

  function unwatch(): void {
    watching?.abort();
    watching = null;
  }

  const timer = repeated({ clock, everyMs: pollMs, holdsProcess: true }, async () => {
    if (engine.isNeeded()) await ask();
    else unwatch();
    return engine.isNeeded();
  });

  return {
    start: () => {
      if (!engine.isNeeded()) return;
      if (watching === null) watch();
      timer.start();
    },
    idle: () => timer.release(),
    stop: () => {
      unwatch();
      timer.stop();
    },
  };
}
