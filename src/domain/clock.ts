import { Observable } from "rxjs";

/** Current time. The only clock below is a parameter; this is where it comes from. */
export interface Clock {
  /** Unix milliseconds; may jump. */
  nowMs(): number;
  /** Milliseconds that never go back; for limits and margins. */
  monotonicMs(): number;
  setTimeout(fn: () => void, ms: number): unknown;
  clearTimeout(id: unknown): void;
}

export interface Ids {
  /** Sortable by time. */
  run(): string;
  /** UUIDv4 in the original's spelling. */
  token(): string;
  generation(): string;
}

/** Resolves after `ms` of the given clock. */
export function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.setTimeout(resolve, ms));
}

/** Whether `work` settled within `ms`. Its rejection is the caller's; its late end is nobody's. */
export function settlesWithin(clock: Clock, ms: number, work: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimeout(() => resolve(false), ms);
    work.then(
      () => {
        clock.clearTimeout(timer);
        resolve(true);
      },
      (error: unknown) => {
        clock.clearTimeout(timer);
        reject(error);
      },
    );
  });
}

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
