import { createHash } from "node:crypto";
import { existsSync, rmSync, statSync } from "node:fs";
import Database from "better-sqlite3";

/**
 * An exclusive lock on a file, by an open SQLite transaction that writes nothing. The kernel drops it when the process
 * dies, however it dies.
 */
export interface FileLock {
  /**
   * Does nothing the second time. `remove`: with the file, where nobody else may have it open at this moment: who had would
   * come to hold a lock on a file that no other process finds.
   */
  release(options: { readonly remove: boolean }): void;
}

/** How long the driver itself waits for a lock. It blocks the event loop, so it is short. */
const DRIVER_PATIENCE_MS = 20;

/**
 * Every file this process has locked, under whichever copy of this module: what is ours is never opened to look at it,
 * since closing it again would drop the lock.
 */
const LOCKED = Symbol.for("slowwave.holds");
const OURS: Set<string> = lockedByThisProcess();

/** Null when it is locked already, by this process or another. The folder must exist. What it throws is the driver's own. */
export function lockFile(path: string): FileLock | null {
  if (OURS.has(path)) return null;
  const db = lockedDatabase(path);
  if (db === null) return null;
  OURS.add(path);
  return {
    release: ({ remove }) => {
      if (!db.open) return;
      if (remove) rmSync(path, { force: true });
      db.close();
      OURS.delete(path);
    },
  };
}

/** Whether the process that locked this file lives, as far as the lock can tell. */
export function probeLock(path: string): "alive" | "dead" | "unknown" {
  if (OURS.has(path)) return "alive";
  const found = fileAt(path);
  if (found !== "file") return found === null ? "dead" : "unknown";
  let db: Database.Database | null = null;
  try {
    // A shared lock is enough to see an exclusive one, and two who look at once don't take each other for the holder.
    db = new Database(path, { readonly: true, fileMustExist: true, timeout: 0 });
    db.prepare("select 1 from sqlite_schema").get();
    return "dead";
  } catch (error) {
    if (isLocked(error)) return "alive";
    return fileAt(path) === null ? "dead" : "unknown";
  } finally {
    db?.close();
  }
}

/** Readable where that is safe on every file system; else a hash, so that no two names meet, not even by case. */
export function lockFileName(name: string): string {
  if (/^[a-z0-9][a-z0-9-]{0,63}$/.test(name)) return `${name}.db`;
  return `_${createHash("sha256").update(name).digest("hex")}.db`;
}

function lockedDatabase(path: string): Database.Database | null {
  const db = new Database(path, { timeout: DRIVER_PATIENCE_MS });
  try {
    // A journal beside the file would outlive a killed holder.
    db.pragma("journal_mode = memory");
    db.exec("begin exclusive");
  } catch (error) {
    db.close();
    if (isLocked(error)) return null;
    throw error;
  }
  if (existsSync(path)) return db;
  // Someone looked between its creation and its lock, and removed it.
  db.close();
  return lockedDatabase(path);
}

function isLocked(error: unknown): boolean {
  return error instanceof Database.SqliteError && /^SQLITE_(BUSY|LOCKED|PROTOCOL)/.test(error.code);
}

/** Null: there is none. Undefined: there is no telling (a folder that may not be entered, a failing disk). */
function fileAt(path: string): "file" | "other" | null | undefined {
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    return found === undefined ? null : found.isFile() ? "file" : "other";
  } catch {
    return undefined;
  }
}

function lockedByThisProcess(): Set<string> {
  const place = globalThis as { [LOCKED]?: Set<string> };
  place[LOCKED] ??= new Set();
  return place[LOCKED];
}
