import { Pool } from "pg";
import { afterAll } from "vitest";
import type { Store } from "../../src/domain/ports.ts";
import { openPostgresStore, type PostgresStoreOptions } from "../../src/persistence/postgres/index.ts";
import type { OpenWorld } from "../../src/testing/store/given.ts";
import { type Database, freshDatabase, sharedCluster, sharedPgbouncer } from "../postgres/run.ts";
import type { Major } from "../postgres/servers.ts";

interface Kind {
  readonly major: Major;
  readonly doors: 1 | 2;
  readonly throughPgbouncer?: boolean;
}

/**
 * Worlds on one database, which is emptied before each test, with connections that stay open from test to test: to make
 * them anew takes ten times as long. Called at the top of a test file.
 */
export function postgresWorld(kind: Kind): OpenWorld {
  let made: ReturnType<typeof makePlace> | null = null;
  afterAll(async () => {
    if (made === null) return;
    const { database, pools, own } = await made;
    await Promise.all([own, ...pools].map((pool) => pool.end()));
    await database.drop();
  });
  return async () => {
    made ??= makePlace(kind);
    const { pools, own } = await made;
    await empty(own);
    const time: TestTime = { ms: null };
    const [a, b] = await Promise.all(pools.map((pool) => openOnTestTime({ pool }, time)));
    if (a === undefined || b === undefined) throw new Error("There are two pools.");
    const setNowMs = async (nowMs: number) => {
      time.ms = nowMs;
    };
    const close = async () => void (await Promise.all([a.close(), b.close()]));
    return { a, b: kind.doors === 2 ? b : a, close, setNowMs };
  };
}

async function makePlace({ major, throughPgbouncer = false }: Kind) {
  const database: Database = await freshDatabase(await sharedCluster(major));
  const url = throughPgbouncer ? (await sharedPgbouncer(major))(database.name) : database.url;
  await (await openPostgresStore({ url })).close();
  const [own, ...pools] = [database.url, url, url].map((connectionString) => {
    const pool = new Pool({ connectionString, max: 5 });
    // A session that ends with its store is told by the pool, too.
    pool.on("error", () => {});
    return pool;
  });
  if (own === undefined) throw new Error("There are three pools.");
  return { database, pools, own };
}

const KEPT = ["schema_versions", "log_base", "refusal_key"];

/** Truncating makes a new file of every table and index, which takes twenty times as long as deleting some rows. */
async function empty(pool: Pool): Promise<void> {
  const { rows } = await pool.query<{ name: string }>(
    "select tablename as name from pg_tables where schemaname = 'slowwave' and tablename <> all ($1)",
    [KEPT],
  );
  const deletes = rows.map(({ name }) => `delete from slowwave.${name};`);
  await pool.query(`begin; set local session_replication_role = replica; ${deletes.join(" ")} commit`);
}

/** The time that stores of a test go by, in place of the database's. */
export interface TestTime {
  ms: number | null;
}

export function openOnTestTime(options: PostgresStoreOptions, time: TestTime): Promise<Store> {
  return openPostgresStore({ ownerTtlMs: 5_000, ...options, clock: () => time.ms } as PostgresStoreOptions);
}
