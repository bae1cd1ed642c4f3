import { existsSync, rmSync, statSync } from "node:fs";
import Database from "better-sqlite3";
import { isBusy, translated } from "./failures.ts";
import { DRIVER_PATIENCE_MS } from "./patience.ts";

/** An exclusive lock on a file, by an open transaction that writes nothing. The kernel drops it when the process dies. */
export interface Hold {
  /** Does nothing the second time. */
  release(): void;
}

/**
 * Every file this process holds, under whichever copy of this module: closing any descriptor of a file drops all
 * locks a process has on it (POSIX), so what is ours is never opened to look at it.
 */
const HOLDS = Symbol.for("slowwave.holds");
const OURS: Set<string> = heldByThisProcess();

/** Null when it is held already, by this process or another. The folder must exist. */
export function holdExclusively(
  path: string,
  { removeAfterwards }: { removeAfterwards: boolean },
): Hold | null {
  if (OURS.has(path)) return null;
  const db = lockedDatabase(path);
  if (db === null) return null;
  OURS.add(path);
  return {
    release: () => {
      if (!db.open) return;
      if (removeAfterwards) rmSync(path, { force: true });
      db.close();
      OURS.delete(path);
    },
  };
}

/**
 * Whether the holder of this file lives. A file without a holder is removed, so it must be of a name that nobody will
 * hold again.
 */
export function lookAt(path: string): "alive" | "dead" | "unknown" {
  if (OURS.has(path)) return "alive";
  const found = fileAt(path);
  if (found !== "file") return found === null ? "dead" : "unknown";
  let db: Database.Database | null = null;
  try {
    // A shared lock is enough to see an exclusive one, and two who look at once don't take each other for the holder.
    db = new Database(path, { readonly: true, fileMustExist: true, timeout: 0 });
    db.prepare("select 1 from sqlite_schema").get();
    rmSync(path, { force: true });
    return "dead";
  } catch (error) {
    if (isBusy(error)) return "alive";
    return fileAt(path) === null ? "dead" : "unknown";
  } finally {
    db?.close();
  }
}

function lockedDatabase(path: string): Database.Database | null {
  const db = new Database(path, { timeout: DRIVER_PATIENCE_MS });
  try {
    // A journal beside the file would outlive a killed holder.
    db.pragma("journal_mode = memory");
    db.exec("begin exclusive");
  } catch (error) {
    db.close();
    if (isBusy(error)) return null;
    throw translated(error, path);
  }
  if (existsSync(path)) return db;
  // Someone looked between its creation and its lock, and removed it.
  db.close();
  return lockedDatabase(path);
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

function heldByThisProcess(): Set<string> {
  const place = globalThis as { [HOLDS]?: Set<string> };
  place[HOLDS] ??= new Set();
  return place[HOLDS];
}
