import { Client } from "pg";
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

/** Worlds of one database, which is emptied before each test: to make one takes ten times as long. */
export function postgresWorld(kind: Kind): OpenWorld {
  let made: Promise<{ readonly database: Database; readonly url: string }> | null = null;
  return async () => {
    made ??= makeDatabase(kind);
    const { database, url } = await made;
    await empty(database.url);
    const time: TestTime = { ms: null };
    const a = await openOnTestTime(url, time);
    const b = kind.doors === 2 ? await openOnTestTime(url, time) : a;
    const setNowMs = async (nowMs: number) => {
      time.ms = nowMs;
    };
    const close = async () => void (await Promise.all([a.close(), b === a ? null : b.close()]));
    return { a, b, close, setNowMs };
  };
}

async function makeDatabase({ major, throughPgbouncer = false }: Kind) {
  const database = await freshDatabase(await sharedCluster(major));
  const url = throughPgbouncer ? (await sharedPgbouncer(major))(database.name) : database.url;
  await (await openPostgresStore({ url })).close();
  return { database, url };
}

const KEPT = ["schema_versions", "log_base", "refusal_key"];

async function empty(url: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ name: string }>(
    "select tablename as name from pg_tables where schemaname = 'slowwave' and tablename <> all ($1)",
    [KEPT],
  );
  // Truncating makes a new file of every table and index, which takes twenty times as long as deleting some rows.
  const deletes = rows.map(({ name }) => `delete from slowwave.${name};`);
  await client.query(`set session_replication_role = replica; ${deletes.join(" ")}`);
  await client.end();
}

/** The time that stores of a test go by, in place of the database's. */
export interface TestTime {
  ms: number | null;
}

export function openOnTestTime(
  url: string,
  time: TestTime,
  options: PostgresStoreOptions = {},
): Promise<Store> {
  const given = { url, ownerTtlMs: 5_000, ...options, clock: () => time.ms };
  return openPostgresStore(given as PostgresStoreOptions);
}
