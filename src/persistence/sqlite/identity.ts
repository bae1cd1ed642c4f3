import type { Database } from "better-sqlite3";
import { storeError } from "../errors.ts";
import { MIGRATIONS } from "./migrations/index.ts";

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
