import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import Database from "better-sqlite3";
import { codeOf, SlowwaveError } from "../../domain/failure.ts";
import {
  identityOf,
  isLiving,
  isStill,
  type ProcessIdentity,
  readStat,
} from "../../process/process-record.ts";
import { storeError } from "../errors.ts";
import { schemaVersion } from "./migrations/index.ts";
import { DRIVER_PATIENCE_MS, isBusy, translated } from "./patience.ts";

/** More pages than any database has: the rest of a copy is made in one step, so that no writer can make it begin anew. */
const ALL_PAGES = 2 ** 30;

/** What a backup holds beside the database's own tables: which home it was made from. */
const HOME_TABLE = "backup_of";

export interface BackupRequest {
  /** The database of a home, in use or not. */
  readonly database: string;
  /** Where the copy goes; must not be there yet. */
  readonly file: string;
  /** The id of the home, kept in the copy. */
  readonly homeId: string;
  readonly nowMs: number;
}

/**
 * A consistent copy of a database that may be in use: everything that was committed when its last page was read. The
 * copy is one file, readable by its owner alone, and appears under its name when it is whole.
 */
export async function backupDatabase({
  database,
  file,
  homeId,
  nowMs,
}: BackupRequest): Promise<{ readonly bytes: number }> {
  if (existsSync(file)) {
    throw new SlowwaveError(
      "file_exists",
      `There is a file ${file} already; choose another name for the backup.`,
    );
  }
  await copyDatabase(database, file, (copy) => {
    copy.exec(
      `create table if not exists ${HOME_TABLE} (home text not null, made_at integer not null) strict`,
    );
    copy.prepare(`delete from ${HOME_TABLE}`).run();
    copy.prepare(`insert into ${HOME_TABLE} values (?, ?)`).run(homeId, nowMs);
  });
  return { bytes: statSync(file).size };
}

/** Copies a database that may be in use; `complete` changes the copy before it appears under its name. */
export async function copyDatabase(
  database: string,
  file: string,
  complete: (copy: Database.Database) => void = () => {},
): Promise<void> {
  const draft = join(dirname(resolve(file)), `.${basename(file)}.${process.pid}.part`);
  try {
    closeSync(openSync(draft, "wx", 0o600));
    const source = new Database(database, { readonly: true, fileMustExist: true, timeout: 5_000 });
    try {
      await source.backup(draft, { progress: () => ALL_PAGES });
    } finally {
      source.close();
    }
    const copy = new Database(draft);
    try {
      copy.pragma("journal_mode = delete");
      complete(copy);
    } finally {
      copy.close();
    }
    syncFile(draft);
    renameSync(draft, file);
    syncFile(dirname(resolve(file)));
  } catch (error) {
    throw translated(error, database);
  } finally {
    rmSync(draft, { force: true });
  }
}

export interface RestoreRequest {
  readonly file: string;
  readonly database: string;
  /** Under which name what was there is kept, beside the database. */
  readonly keptAs: string;
}

export interface Restored {
  /** The former database; null where there was none. */
  readonly kept: string | null;
  /** The id of the home the backup was made from; null: it does not say. */
  readonly homeId: string | null;
}

/**
 * Puts a backup in the place of a home's database. Refuses, with nothing changed, a file that is no whole database of
 * ours (`store_*`) and a home that is in use (`home_in_use`). What was there is kept beside it.
 */
export async function restoreDatabase({ file, database, keptAs }: RestoreRequest): Promise<Restored> {
  const homeId = examineBackup(file);
  mkdirSync(dirname(database), { recursive: true, mode: 0o700 });
  const former = existsSync(database) ? database : null;
  const kept = former === null ? null : join(dirname(database), keptAs);
  const next = `${database}.restoring`;
  rmSync(next, { force: true });
  await copyDatabase(file, next, (copy) => {
    copy.exec(`drop table if exists ${HOME_TABLE}`);
    // The processes that held anything when the backup was made hold nothing of the restored home.
    if (hasTable(copy, "holders")) copy.exec("delete from holders");
  });
  try {
    if (former !== null && kept !== null) keepFormer(former, kept);
    renameSync(next, database);
    syncFile(dirname(database));
  } finally {
    rmSync(next, { force: true });
  }
  return { kept, homeId };
}

/** Throws unless the file is a whole database of ours, of this version or an earlier one. */
function examineBackup(file: string): string | null {
  if (!existsSync(file))
    throw new SlowwaveError("backup_missing", `There is no file ${file}; name the backup to restore.`);
  let db: Database.Database | null = null;
  try {
    db = new Database(file, { readonly: true, fileMustExist: true, timeout: DRIVER_PATIENCE_MS });
    if (schemaVersion(db, file) === 0) throw storeError("store_foreign", file);
    const verdict = db.pragma("integrity_check(1)", { simple: true });
    if (verdict !== "ok") throw storeError("store_corrupt", file, new Error(String(verdict)));
    if (!hasTable(db, HOME_TABLE)) return null;
    return db.prepare<[], string>(`select home from ${HOME_TABLE}`).pluck().get() ?? null;
  } catch (error) {
    throw translated(error, file);
  } finally {
    db?.close();
  }
}

/** Moves the former database aside, log and all, unless a process works with it. */
function keepFormer(former: string, kept: string): void {
  let db: Database.Database | null = null;
  try {
    // In exclusive mode the write-ahead log is opened only when nobody else has the database open.
    db = new Database(former, { timeout: DRIVER_PATIENCE_MS });
    db.pragma("locking_mode = exclusive");
    db.exec("begin immediate; rollback");
    const holder = livingHolder(db);
    if (holder !== null) throw inUse(former, new Error(`process ${holder} works with it`));
    db.pragma("journal_mode = delete");
    renameSync(former, kept);
  } catch (error) {
    if (isBusy(error)) throw inUse(former, error);
    const failure = translated(error, former);
    if (!DAMAGED.has(codeOf(failure) ?? "")) throw failure;
    // What can't be read is often why a backup is wanted. It is kept as it is, with its log.
    for (const end of ["", "-wal", "-shm"]) {
      if (existsSync(former + end)) renameSync(former + end, kept + end);
    }
  } finally {
    db?.close();
  }
}

const DAMAGED: ReadonlySet<string> = new Set(["store_corrupt", "store_not_a_database"]);

function livingHolder(db: Database.Database): number | null {
  if (!hasTable(db, "holders")) return null;
  const all = db
    .prepare<[], ProcessIdentity>(
      "select pid, start_time as startTime, boot_id as bootId, pid_namespace as pidNamespace from holders",
    )
    .all();
  const { pid: own } = identityOf(process.pid);
  return all.find((one) => one.pid !== own && isStill(one) && isLiving(readStat(one.pid)))?.pid ?? null;
}

function inUse(database: string, cause: unknown): SlowwaveError {
  return new SlowwaveError(
    "home_in_use",
    `A process is working with ${database}; end it (\`slowwave serve\`, a run, a host) and restore again. Nothing was changed.`,
    { cause },
  );
}

function hasTable(db: Database.Database, name: string): boolean {
  return db.prepare("select 1 from sqlite_schema where type = 'table' and name = ?").get(name) !== undefined;
}

function syncFile(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
