import { setTimeout } from "node:timers";
import { storeError } from "../errors.ts";
import { isBusy, translated } from "./failures.ts";

/** How long the driver itself may wait for a lock. It blocks the event loop, so it is short; backoff does the rest. */
export const DRIVER_PATIENCE_MS = 20;

/**
 * How long to wait before the next try on a busy database: short at first, then up to a tenth of a second, spread by
 * process and try so that processes that met once don't meet again. Milliseconds.
 */
export function backoffMs(attempt: number): number {
  const half = Math.min(2 ** (attempt + 1), 50);
  return half + ((Math.imul(process.pid + attempt, 0x9e3779b1) >>> 0) % half);
}

/**
 * Repeats `work` while the database is busy, without blocking in between, and rejects with `store_busy` when patience
 * is over. Waits are counted rather than clocked: no clock is read below the engine.
 */
export async function patiently<T>(work: () => T, options: { path: string; patienceMs: number }): Promise<T> {
  let waitedMs = 0;
  for (let attempt = 0; ; attempt += 1) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error)) throw translated(error, options.path);
      const delay = backoffMs(attempt);
      waitedMs += delay + DRIVER_PATIENCE_MS;
      if (waitedMs > options.patienceMs) throw storeError("store_busy", options.path, error);
      await new Promise<void>((resolve) => setTimeout(resolve, delay));
    }
  }
}
