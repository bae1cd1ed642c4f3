import { type Database, LONG_WORK_MS, lockOf, type Query } from "../database.ts";
import { databaseError } from "../patience.ts";
import { start } from "./0001-start.ts";
import { admission } from "./0002-admission.ts";
import { sharing } from "./0003-sharing.ts";

/**
 * In order, never edited once released: the number of a migration is its place, and the schema's version. Each only adds
 * (tables, columns with a default, indexes), so that the version before it works on beside it while workers are replaced
 * one after the other. What is to go is left unused by one version and removed by the next.
 */
export const MIGRATIONS: readonly string[] = [start, admission, sharing];

/** How many versions ahead of the code a schema may be: the code of the version before goes on beside the new one. */
const AHEAD = 1;

/**
 * Brings the schema to the version of this code (`auto`), or demands that someone has (`check`: `store_outdated`).
 * Processes that open at once wait for each other here. Refused with nothing changed are a schema of another program
 * (`store_foreign`) and one of a version after the next (`store_newer`).
 */
export async function migrate(
  db: Database,
  how: "auto" | "check",
  migrations: readonly string[] = MIGRATIONS,
): Promise<void> {
  const found = await db.transaction((query) => versionOf(db, query));
  judge(db, found, migrations.length);
  if (found >= migrations.length) return;
  if (how === "check") throw databaseError("store_outdated", db.place);
  await db.transaction(
    async (query) => {
      const version = await versionOf(db, query);
      judge(db, version, migrations.length);
      if (version === 0) await createSchema(db, query);
      for (const [at, sql] of migrations.entries()) {
        if (at < version) continue;
        await query(sql, [], LONG_WORK_MS);
        await query("insert into slowwave.schema_versions (version, at) values ($1, slowwave.now_ms())", [
          at + 1,
        ]);
      }
    },
    { locks: [lockOf(db.schema, "migrate")] },
  );
}

function judge(db: Database, version: number, own: number): void {
  if (version > own + AHEAD) throw databaseError("store_newer", db.place);
}

async function createSchema(db: Database, query: Query): Promise<void> {
  // Asked for first: the right to create schemas may be missing where ours has been made for us.
  const { rows } = await query("select 1 from pg_namespace where nspname = $1", [db.schema]);
  if (rows.length === 0) await query(`create schema ${db.quotedSchema}`);
  await query("create table slowwave.schema_versions (version integer primary key, at bigint not null)");
}

/** 0: there is nothing yet. */
async function versionOf(db: Database, query: Query): Promise<number> {
  const { rows } = await query<{ name: string }>(
    "select relname as name from pg_class join pg_namespace on pg_namespace.oid = relnamespace where nspname = $1",
    [db.schema],
  );
  if (rows.length === 0) return 0;
  if (!rows.some(({ name }) => name === "schema_versions")) throw databaseError("store_foreign", db.place);
  const versions = await query<{ version: number }>("select version from slowwave.schema_versions");
  return Math.max(0, ...versions.rows.map(({ version }) => version));
}
