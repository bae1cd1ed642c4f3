import { statfsSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout } from "node:timers";
import Database from "better-sqlite3";
import { type StoreCode, storeError } from "../errors.ts";

/** SQLite's primary result codes (an extended code begins with one of them) and what they mean to a person. */
const MEANINGS: readonly (readonly [string, StoreCode])[] = [
  ["SQLITE_BUSY", "store_busy"],
  ["SQLITE_LOCKED", "store_busy"],
  // A reader met a write-ahead log whose index was just being rebuilt, too often in a row.
  ["SQLITE_PROTOCOL", "store_busy"],
  ["SQLITE_FULL", "store_full"],
  ["SQLITE_READONLY", "store_read_only"],
  ["SQLITE_NOTADB", "store_not_a_database"],
  ["SQLITE_CORRUPT", "store_corrupt"],
  ["SQLITE_CONSTRAINT", "store_rejected"],
  ["SQLITE_MISMATCH", "store_rejected"],
  ["SQLITE_TOOBIG", "store_rejected"],
];

/** Our error for one of the driver's; anything else passes unchanged. */
export function translated(error: unknown, path: string, free = freeBytes): unknown {
  if (!(error instanceof Database.SqliteError)) return error;
  const code = meaningOf(error);
  // On a full disk not even the index of the log can be made, and SQLite calls that an I/O error.
  return storeError(
    code === "store_unavailable" && free(path) < LEAST_BYTES ? "store_full" : code,
    path,
    error,
  );
}

/** The index of the log is never smaller. */
const LEAST_BYTES = 32 * 1024;

function freeBytes(path: string): number {
  try {
    const { bavail, bsize } = statfsSync(dirname(path));
    return bavail * bsize;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** Nothing happened and it may work later: wait and repeat. */
export function isBusy(error: unknown): boolean {
  return error instanceof Database.SqliteError && meaningOf(error) === "store_busy";
}

function meaningOf(error: InstanceType<typeof Database.SqliteError>): StoreCode {
  return MEANINGS.find(([prefix]) => error.code.startsWith(prefix))?.[1] ?? "store_unavailable";
}

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
