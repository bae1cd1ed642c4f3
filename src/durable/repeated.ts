import type { Clock } from "../domain/clock.ts";

/** Work that is done again and again, each time so long after it was done last. */
export interface Repeated {
  /** From now on, if it is not so already. From here it keeps the process alive, where it may. */
  start(): void;
  /** It goes on, but does not keep the process alive. */
  release(): void;
  stop(): void;
}

/** A clock's timer that can hold the process. */
type Held = { ref?(): void; unref?(): void };

/**
 * The first time after `everyMs`. Work that answers false is not done again until the next `start`; work that fails is,
 * since the store may be busy. `holdsProcess`: whether waiting for it keeps the process alive until `release`.
 */
export function repeated(
  { clock, everyMs, holdsProcess }: { clock: Clock; everyMs: number; holdsProcess: boolean },
  work: () => Promise<boolean>,
): Repeated {
  let timer: Held | null = null;
  let isStopped = false;

  async function ring(): Promise<void> {
    timer = null;
    const isWanted = await work().catch(() => true);
    if (isWanted) start();
  }

  function start(): void {
    if (isStopped) return;
    timer ??= clock.setTimeout(() => void ring(), everyMs) as Held;
    if (holdsProcess) timer?.ref?.();
    else timer?.unref?.();
  }

  return {
    start,
    release: () => timer?.unref?.(),
    stop: () => {
      isStopped = true;
      if (timer !== null) clock.clearTimeout(timer);
    },
  };
}
