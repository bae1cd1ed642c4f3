import { closeSync, constants, existsSync, openSync } from "node:fs";
import { access, stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import Database from "better-sqlite3";
import { SlowwaveError } from "../../domain/failure.ts";
import { type StoreCode, storeError } from "../errors.ts";
import { copyDatabase } from "./backup.ts";
import { checkPages, MIGRATIONS, migrate, schemaVersion } from "./migrations/index.ts";
import { DRIVER_PATIENCE_MS, patiently } from "./patience.ts";

export const IN_MEMORY = ":memory:";

/** A log that grew in a burst is cut back to this when it starts anew. */
const LOG_KEPT_BYTES = 16 * 1024 * 1024;

/**
 * An open, migrated connection. What is not ours is recognised through a connection that cannot write, so that it is
 * left exactly as it was found. Rejects with a code of `StoreCode` and leaves nothing open.
 */
export async function connect(path: string, patienceMs: number): Promise<Database.Database> {
  const patience = { path, patienceMs };
  if (path !== IN_MEMORY) {
    await checkLocation(path);
    const found = await patiently(() => recognise(path), patience);
    if (found === null) createPrivately(path);
    else if (found > 0 && found < MIGRATIONS.length) await keepBeforeMigration(path, found);
  }
  const db = await patiently(() => new Database(path, { timeout: DRIVER_PATIENCE_MS }), patience);
  try {
    await patiently(() => configure(db, path), patience);
    if (await patiently(() => migrate(db, path), patience))
      await patiently(() => makeShrinkable(db), patience);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** The version of its schema; null when there is no file yet. */
function recognise(path: string): number | null {
  const db = openToRead(path);
  if (db === null) return null;
  try {
    const version = schemaVersion(db, path);
    checkPages(db, path);
    return version;
  } finally {
    db.close();
  }
}

/**
 * A migration changes every row of some tables: a copy of the database as it was is kept beside it, once for each version,
 * under a name that says so. Where it can't be made (a full disk) nothing is migrated.
 */
async function keepBeforeMigration(path: string, version: number): Promise<void> {
  const kept = `${path}.before-schema-${MIGRATIONS.length}-was-${version}`;
  if (!existsSync(kept)) await copyDatabase(path, kept);
}

/** Memory text is its owner's alone, whatever the folder around the database allows. */
function createPrivately(path: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch {
    // Another process made it at this moment, or SQLite will say why it can't be made.
  }
}

/** Null when there is no file yet. */
function openToRead(path: string): Database.Database | null {
  try {
    return new Database(path, { readonly: true, fileMustExist: true, timeout: DRIVER_PATIENCE_MS });
  } catch (error) {
    const isMissing = error instanceof Database.SqliteError && error.code === "SQLITE_CANTOPEN";
    if (isMissing) return null;
    throw error;
  }
}

const INCREMENTAL = 2;

/** Gives the file the form in which free pages can be given back one by one. It has to be rewritten for that, once. */
function makeShrinkable(db: Database.Database): void {
  if (db.pragma("auto_vacuum", { simple: true }) === INCREMENTAL) return;
  db.pragma(`auto_vacuum = ${INCREMENTAL}`);
  db.exec("vacuum");
}

function configure(db: Database.Database, path: string): void {
  // Of a database without tables it needs no rewriting.
  db.pragma(`auto_vacuum = ${INCREMENTAL}`);
  const mode = db.pragma("journal_mode = wal", { simple: true });
  if (path !== IN_MEMORY && mode !== "wal") {
    throw storeError(
      "store_unavailable",
      path,
      new Error(`write-ahead logging is not possible here (${mode})`),
    );
  }
  db.pragma("synchronous = full");
  db.pragma("foreign_keys = on");
  db.pragma("trusted_schema = off");
  db.pragma(`journal_size_limit = ${LOG_KEPT_BYTES}`);
}

/** `statfs` types of file systems whose locks other hosts or caches may not honour (linux/magic.h). */
const NETWORK_FILE_SYSTEMS: ReadonlySet<number> = new Set([
  0x6969, // NFS
  0x517b, // SMB
  0xfe534d42, // SMB2
  0xff534d42, // CIFS
  0x00c36400, // Ceph
  0x5346414f, // AFS
  0x6b414653, // AFS, the kernel's own
  0x73757245, // Coda
  0x65735546, // FUSE: sshfs and its like, and virtiofs, which a virtual machine shares with its host
  0x01021997, // 9p: a folder of the host in a virtual machine or in WSL
  0x786f4256, // vboxsf
  0xbacbacbc, // VMware's shared folders
]);

/**
 * Refuses a place where a database must not or cannot live, before SQLite touches it.
 * `typeOf` tells a folder's file system; given by tests.
 */
export async function checkLocation(path: string, typeOf = fileSystemType): Promise<void> {
  const folder = dirname(path);
  if (!(await isFolder(folder, path))) throw storeError("store_directory_missing", path);
  if (NETWORK_FILE_SYSTEMS.has(await typeOf(folder))) throw storeError("store_network_fs", path);
  // The log and its index are created beside the database.
  await demand(folder, constants.W_OK | constants.X_OK, "store_read_only", path);
  await demand(path, constants.R_OK | constants.W_OK, "store_read_only", path);
}

const OLDEST_NODE = [22, 14] as const;

/** Throws `node_too_old` on a Node whose process the driver would end with a segmentation fault. */
export function demandNode(version = process.versions.node): void {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_NODE;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return;
  throw new SlowwaveError(
    "node_too_old",
    `slowwave/sqlite needs Node ${OLDEST_NODE.join(".")} or newer, and this is ${version}; install a newer Node and try again.`,
  );
}

async function isFolder(folder: string, path: string): Promise<boolean> {
  try {
    return (await stat(folder)).isDirectory();
  } catch (error) {
    if (isMissing(error)) return false;
    throw storeError("store_unavailable", path, error);
  }
}

async function demand(target: string, mode: number, code: StoreCode, path: string): Promise<void> {
  try {
    await access(target, mode);
  } catch (error) {
    if (!isMissing(error)) throw storeError(code, path, error);
  }
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "ENOENT";
}

async function fileSystemType(folder: string): Promise<number> {
  // Signed on some platforms: the numbers above are unsigned.
  return process.platform === "linux" ? (await statfs(folder)).type >>> 0 : 0;
}

/**
 * Writes the database anew without its free pages, and empties the write-ahead log: what was deleted is then in no
 * file of it. Other processes may go on; while one of them reads, the log cannot be emptied.
 */
export async function compact(
  db: Database.Database,
  patience: { readonly path: string; readonly patienceMs: number },
): Promise<void> {
  await patiently(() => db.exec("vacuum"), patience);
  await patiently(() => {
    const [answer] = db.pragma("wal_checkpoint(truncate)") as { busy: number }[];
    if (answer?.busy === 1)
      throw new Database.SqliteError("the write-ahead log is being read", "SQLITE_BUSY");
  }, patience);
}
