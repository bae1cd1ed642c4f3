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
    const a = await openOnTestTime(url);
    const b = kind.doors === 2 ? await openOnTestTime(url) : a;
    return { a, b, close: async () => void (await Promise.all([a.close(), b === a ? null : b.close()])) };
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

/**
 * The contract's tests say what time it is with each call; this store does not listen. So each call sets its clock first:
 * what it decides is decided by that clock all the same.
 */
export async function openOnTestTime(url: string, options: PostgresStoreOptions = {}): Promise<Store> {
  let time: number | null = null;
  const clock = () => time;
  const store = await openPostgresStore({
    url,
    ownerTtlMs: 5_000,
    ...options,
    clock,
  } as PostgresStoreOptions);
  const setting = <Port extends object>(port: Port): Port =>
    new Proxy(port, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== "function") return member;
        return (...values: readonly unknown[]) => {
          time = timeIn(values) ?? time;
          return (member as (...values: readonly unknown[]) => unknown).apply(target, [...values]);
        };
      },
    });
  const { jobs, sessions, retire } = store;
  return {
    ...store,
    jobs: setting(jobs),
    sessions: setting(sessions),
    retire: (request) => {
      time = request.nowMs;
      return retire(request);
    },
  };
}

function timeIn(values: readonly unknown[]): number | null {
  for (const value of values) {
    const { nowMs } = (typeof value === "object" && value !== null ? value : {}) as { nowMs?: unknown };
    if (typeof nowMs === "number") return nowMs;
  }
  return null;
}
