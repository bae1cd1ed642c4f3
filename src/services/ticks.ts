import { Observable } from "rxjs";
import type { Clock } from "../domain/clock.ts";

/** A tick at once and then every `everyMs`, on the given clock (the original's interval ticks at once too). */
export function ticks(clock: Clock, everyMs: number): Observable<void> {
  return new Observable((subscriber) => {
    let handle: unknown;
    const tick = () => {
      // Armed before the tick is told: a subscriber that ends on it clears this one too.
      handle = clock.setTimeout(tick, everyMs);
      subscriber.next();
    };
    subscriber.add(() => clock.clearTimeout(handle));
    tick();
  });
}

/** The longest timer that Node holds; a longer one would ring at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Emits once after `ms` on the given clock, however long that is. */
export function after(clock: Clock, ms: number): Observable<void> {
  return new Observable((subscriber) => {
    let handle: unknown;
    const wait = (leftMs: number) => {
      const nextMs = Math.min(leftMs, LONGEST_TIMER_MS);
      handle = clock.setTimeout(() => {
        if (leftMs > nextMs) return wait(leftMs - nextMs);
        subscriber.next();
        subscriber.complete();
      }, nextMs);
    };
    wait(ms);
    return () => clock.clearTimeout(handle);
  });
}
