import type { Clock } from "../domain/clock.ts";

export interface SilenceWatch {
  heard(): void;
  stop(): void;
}

/**
 * Calls `onSilence` once when nothing was heard for so many minutes; null = never. One timer that is set
 * again when it finds that something was heard meanwhile: a talkative agent costs no timers. `lastActivityMs`: when
 * there was a sign of life that nobody was told of.
 */
export function silenceWatch(
  clock: Clock,
  minutes: number | null,
  onSilence: () => void,
  lastActivityMs: () => number = () => 0,
): SilenceWatch {
  const ms = minutes === null ? null : minutes * 60_000;
  let last = clock.monotonicMs();
  let timer = ms === null ? null : clock.setTimeout(look, ms);

  function look(): void {
    if (ms === null) return;
    const left = Math.max(last, lastActivityMs()) + ms - clock.monotonicMs();
    timer = left > 0 ? clock.setTimeout(look, left) : null;
    if (timer === null) onSilence();
  }

  return {
    heard() {
      last = clock.monotonicMs();
    },
    stop() {
      if (timer !== null) clock.clearTimeout(timer);
      timer = null;
    },
  };
}
