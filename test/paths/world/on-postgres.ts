import { Pool, types } from "pg";
import type { JobRow } from "../../../src/domain/job.ts";
import { createMemoryWorld, openMemoryStore } from "../../../src/persistence/memory/index.ts";
import { openPostgresStore, type PostgresStoreOptions } from "../../../src/persistence/postgres/index.ts";
import { freshDatabase, sharedCluster } from "../../postgres/run.ts";
import type { Major } from "../../postgres/servers.ts";
import { type Databases, jobQuery } from "./databases.ts";

/**
 * One PostgreSQL database whose tables each world empties and fills with what was kept: worlds come one after
 * another. Connections stay open from world to world.
 */
export async function onPostgres(major: Major): Promise<Databases> {
  const database = await freshDatabase(await sharedCluster(major));
  await (await openPostgresStore({ url: database.url })).close();
  const pool = openPool(database.url, 12);
  const { rows } = await pool.query<{ name: string }>(
    "select tablename as name from pg_tables where schemaname = 'slowwave' and tablename <> all ($1)",
    [["schema_versions", "log_base", "refusal_key"]],
  );
  const tables = rows.map(({ name }) => name);
  /** By folder: the schema that holds copies of those tables that were not empty. */
  const kept = new Map<string, { readonly schema: string; readonly tables: readonly string[] }>();

  async function keep(folder: string): Promise<void> {
    const schema = `kept_${kept.size}`;
    await pool.query(`create schema ${schema}`);
    const filled: string[] = [];
    for (const table of tables) {
      const { rowCount } = await pool.query(`create table ${schema}.${table} as table slowwave.${table}`);
      if ((rowCount ?? 0) > 0) filled.push(table);
    }
    kept.set(folder, { schema, tables: filled });
  }

  /** Foreign keys are not looked at meanwhile, so that the order of tables does not matter. */
  async function refill(from: string | null): Promise<void> {
    const { schema, tables: filled } = kept.get(from ?? "") ?? { schema: "", tables: [] };
    const statements = [
      "begin; set local session_replication_role = replica",
      ...tables.map((table) => `delete from slowwave.${table}`),
      ...filled.map(
        (table) => `insert into slowwave.${table} overriding system value select * from ${schema}.${table}`,
      ),
      "commit",
    ];
    await pool.query(statements.join("; "));
  }

  return {
    open: async (_, from, nowMs) => {
      await refill(from);
      const machine = createMemoryWorld();
      const options = { pool, ownerTtlMs: 60_000, clock: nowMs };
      return {
        restMs: 250,
        openStore: async () => {
          const store = await openPostgresStore(options as PostgresStoreOptions);
          const { locks, close } = openMemoryStore({ world: machine });
          return { ...store, locks, close: async () => void (await Promise.all([store.close(), close()])) };
        },
        row: async () => {
          const text = jobQuery("slowwave.jobs");
          return (await pool.query<JobRow>({ text, types: { getTypeParser } })).rows[0] ?? null;
        },
        change: async (columns) => {
          const assignments = Object.keys(columns).map((column, at) => `${column} = $${at + 1}`);
          await pool.query(`update slowwave.jobs set ${assignments.join(", ")}`, Object.values(columns));
        },
        deleteInputs: async () => void (await pool.query("delete from slowwave.stage1_outputs")),
        keepAs: keep,
        close: () => {},
      };
    },
    close: async () => {
      await pool.end();
      await database.drop();
    },
  };
}

function openPool(connectionString: string, max: number): Pool {
  const pool = new Pool({ connectionString, max });
  // A session that ends with its store is told by the pool, too.
  pool.on("error", () => {});
  return pool;
}

const getTypeParser = ((oid: number, format?: "text") =>
  oid === types.builtins.INT8 ? Number : types.getTypeParser(oid, format)) as typeof types.getTypeParser;
