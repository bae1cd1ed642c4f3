import { Observable } from "rxjs";
import type { Clock } from "../domain/ports.ts";

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

/** Emits once after `ms` on the given clock. */
export function after(clock: Clock, ms: number): Observable<void> {
  return new Observable((subscriber) => {
    const handle = clock.setTimeout(() => {
      subscriber.next();
      subscriber.complete();
    }, ms);
    return () => clock.clearTimeout(handle);
  });
}
