import { closeSync, existsSync, openSync } from "node:fs";
import Database from "better-sqlite3";
import { storeError } from "../errors.ts";
import { copyDatabase } from "./backup.ts";
import { checkPages, schemaVersion } from "./identity.ts";
import { checkLocation } from "./location.ts";
import { migrate } from "./migrate.ts";
import { MIGRATIONS } from "./migrations/index.ts";
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
