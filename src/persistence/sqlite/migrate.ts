import type { Database } from "better-sqlite3";
import { APPLICATION_ID, schemaVersion } from "./identity.ts";
import { MIGRATIONS } from "./migrations/index.ts";

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
