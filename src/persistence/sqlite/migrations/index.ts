import type { Database } from "better-sqlite3";
import { storeError } from "../../errors.ts";
import { start } from "./0001-start.ts";
import {
  activeRuns,
  actors,
  fewPages,
  generations,
  handEdits,
  retention,
  stage1Doors,
} from "./0002-to-0008.ts";
import { learning } from "./0009-learning.ts";
import { patches } from "./0010-patches.ts";
import { due } from "./0011-due.ts";
import { admission } from "./0012-admission.ts";
import { endedRuns } from "./0013-ended-runs.ts";

/** In order, never edited once released: the number of a migration is its place, and the schema's version. */
export const MIGRATIONS: readonly string[] = [
  start,
  generations,
  fewPages,
  activeRuns,
  actors,
  handEdits,
  stage1Doors,
  retention,
  learning,
  patches,
  due,
  admission,
  endedRuns,
];

/**
 * Brings the schema to this version in one transaction. Processes that open at once wait for each other here:
 * the version is read again inside. Throws the driver's busy error when it has to be tried again. False: there was
 * nothing to do.
 */
export function migrate(db: Database, path: string): boolean {
  if (schemaVersion(db, path) === MIGRATIONS.length) return false;
  const bring = db.transaction(() => {
    const version = schemaVersion(db, path);
    for (const sql of MIGRATIONS.slice(version)) db.exec(sql);
    db.pragma(`application_id = ${APPLICATION_ID}`);
    db.pragma(`user_version = ${MIGRATIONS.length}`);
  });
  bring.immediate();
  return true;
}

/** `SLWV`, in the database header: by this a file is known as ours before anything in it is touched. */
export const APPLICATION_ID = 0x534c5756;

/**
 * The schema version of a database of ours, 0 for an empty one. Refuses the others, having only read.
 * `store_foreign`, `store_newer`.
 */
export function schemaVersion(db: Database, path: string): number {
  // In one transaction: another process may be creating the tables just now.
  const { application, version, objects } = db.transaction(() => ({
    application: db.pragma("application_id", { simple: true }) as number,
    version: db.pragma("user_version", { simple: true }) as number,
    objects: db.prepare<[], number>("select count(*) from sqlite_schema").pluck().get() ?? 0,
  }))();
  const isEmpty = application === 0 && version === 0 && objects === 0;
  if (isEmpty) return 0;
  if (application !== APPLICATION_ID) throw storeError("store_foreign", path);
  if (version > MIGRATIONS.length) throw storeError("store_newer", path);
  return version;
}

/** Up to this many pages (4 MiB) a database is checked whole when it is opened: that takes a few milliseconds. */
const CHECKED_PAGES = 1024;

/** A larger database shows its damage when the damaged page is read, with the same code. */
export function checkPages(db: Database, path: string): void {
  const pages = db.pragma("page_count", { simple: true }) as number;
  if (pages > CHECKED_PAGES) return;
  const verdict = db.pragma("quick_check(1)", { simple: true });
  if (verdict !== "ok") throw storeError("store_corrupt", path, new Error(String(verdict)));
}
