import { createHash } from "node:crypto";
import { existsSync, mkdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { codeOf } from "../../domain/failure.ts";
import type { Owners } from "../../domain/ports.ts";
import {
  identityOf,
  isLiving,
  isStill,
  type ProcessIdentity,
  readStat,
} from "../../process/process-record.ts";
import { storeError } from "../errors.ts";
import { DRIVER_PATIENCE_MS, isBusy, translated } from "./patience.ts";
import type { Writer } from "./writer.ts";

/**
 * Processes as files: each holds an exclusive lock on one of its own for its whole life, which the kernel drops when
 * it dies, however it dies. These files stay empty.
 *
 *   <folder>/<owner>.db          an owner that lives, or one that died and was not asked for yet
 *   <folder>/locks/<name>.db     a named lock; stays, so that nobody ever locks a file that was just removed
 *
 * POSIX drops every lock of a process on a file as soon as the process closes any descriptor of it: a host that reads
 * the files of its own home (a backup) loses them without a word, and so does one whose `owners` folder is cleared. So
 * each holder is also named in the database, with what tells its process from any other. A free lock proves a death
 * only where that process is gone, or where it can't be looked at from here (another container, no /proc).
 */
export function fileOwners(folder: string, holders: HolderTable): Owners & { releaseAll(): Promise<void> } {
  const locks = join(folder, "locks");
  const held = new Map<FileLock, string>();

  /** Null when another process holds it, by its lock or by what the database says of it. */
  async function acquire(
    path: string,
    name: string,
    removeAfterwards: boolean,
  ): Promise<(() => Promise<void>) | null> {
    const lock = lockFile(path, { removeAfterwards });
    if (lock === null) return null;
    try {
      const holder = await holders.read(name);
      const isAnothers = holder !== null && isAlive(holder) && !isThisProcess(holder);
      if (!isAnothers) {
        await holders.put(name, identityOf(process.pid));
        held.set(lock, name);
        return () => release(lock, name);
      }
    } catch (error) {
      lock.release();
      throw error;
    }
    lock.release();
    return null;
  }

  async function release(lock: FileLock, name: string): Promise<void> {
    // Released twice, the name may be another holder's by now.
    if (!held.delete(lock)) return;
    // A row that stays names a process that will be gone.
    await holders.remove(name).catch(() => {});
    lock.release();
  }

  return {
    register: async (owner) => {
      mkdirSync(folder, { recursive: true });
      const path = join(folder, `${fileNameOf(owner)}.db`);
      const unregister = await acquire(path, `owner ${owner}`, true);
      if (unregister === null) throw storeError("store_busy", path);
      return { unregister };
    },
    probe: async (owner) => {
      const path = join(folder, `${fileNameOf(owner)}.db`);
      const verdict = probeLock(path);
      if (verdict !== "dead") return verdict;
      const holder = await holders.read(`owner ${owner}`).catch(nullWhenClosed);
      if (holder !== null && isAlive(holder)) return "alive";
      rmSync(path, { force: true });
      return "dead";
    },
    lock: async (name) => {
      mkdirSync(locks, { recursive: true });
      const unlock = await acquire(join(locks, `${fileNameOf(name)}.db`), `lock ${name}`, false);
      return unlock === null ? null : { unlock };
    },
    releaseAll: async () => {
      await Promise.all([...held].map(([lock, name]) => release(lock, name)));
    },
  };
}

/** A closed store can still tell what the locks say. */
function nullWhenClosed(error: unknown): null {
  if (codeOf(error) === "store_closed") return null;
  throw error;
}

function isAlive(holder: ProcessIdentity): boolean {
  return isStill(holder) && isLiving(readStat(holder.pid));
}

function isThisProcess({ pid }: ProcessIdentity): boolean {
  return pid === process.pid;
}

/** Readable where that is safe on every file system; else a hash, so that no two names meet, not even by case. */
function fileNameOf(name: string): string {
  if (/^[a-z0-9][a-z0-9-]{0,63}$/.test(name)) return name;
  return `_${createHash("sha256").update(name).digest("hex")}`;
}

/** An exclusive lock on a file, by an open transaction that writes nothing. The kernel drops it when the process dies. */
interface FileLock {
  /** Does nothing the second time. */
  release(): void;
}

/**
 * Every file this process has locked, under whichever copy of this module: what is ours is never opened to look at it,
 * since closing it again would drop the lock.
 */
const LOCKED = Symbol.for("slowwave.holds");
const OURS: Set<string> = lockedByThisProcess();

/** Null when it is locked already, by this process or another. The folder must exist. */
function lockFile(path: string, { removeAfterwards }: { removeAfterwards: boolean }): FileLock | null {
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

/** Whether the process that locked this file lives, as far as the lock can tell. */
function probeLock(path: string): "alive" | "dead" | "unknown" {
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

function lockedByThisProcess(): Set<string> {
  const place = globalThis as { [LOCKED]?: Set<string> };
  place[LOCKED] ??= new Set();
  return place[LOCKED];
}

/** Which process holds an owner id or a named lock: what a lock that the kernel dropped can't tell any more. */
interface HolderTable {
  read(name: string): Promise<ProcessIdentity | null>;
  put(name: string, holder: ProcessIdentity): Promise<void>;
  remove(name: string): Promise<void>;
}

export function holderTable(db: Database.Database, { write, read }: Writer): HolderTable {
  const select = db.prepare<[string], ProcessIdentity>(
    `select pid, start_time as startTime, boot_id as bootId, pid_namespace as pidNamespace
     from holders where name = ?`,
  );
  const insert = db.prepare<ProcessIdentity & { name: string }>(
    `insert or replace into holders (name, pid, start_time, boot_id, pid_namespace)
     values (@name, @pid, @startTime, @bootId, @pidNamespace)`,
  );
  const remove = db.prepare<[string]>("delete from holders where name = ?");
  return {
    read: (name) => read(() => select.get(name) ?? null),
    put: (name, holder) => write(() => void insert.run({ ...holder, name })),
    remove: (name) => write(() => void remove.run(name)),
  };
}
