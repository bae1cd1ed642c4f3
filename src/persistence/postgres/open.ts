import { SlowwaveError } from "../../domain/failure.ts";
import type { Store } from "../../domain/ports.ts";
import { openDatabase, type PostgresPool, type SqlClient } from "./database.ts";
import { raiseLogBase } from "./log.ts";
import { migrate } from "./migrations/index.ts";
import { patiently } from "./patience.ts";
import { secureRows } from "./row-security.ts";
import { storeOn } from "./store-on.ts";

export interface PostgresStoreOptions {
  /**
   * `postgres://user:password@host:port/database`, with what the package `pg` takes as parameters, TLS among it
   * (`?sslmode=verify-full&sslrootcert=/path`). The password is in no message. Either this or `pool`.
   */
  readonly url?: string;
  /** A pool of the package `pg`, which stays the caller's to end. It must give at least three connections. */
  readonly pool?: PostgresPool;
  /** The schema that holds the tables; made where there is none. Default `slowwave`. */
  readonly schema?: string;
  /**
   * `auto` brings the schema to this version; `check` refuses with `store_outdated` where someone else has to. Each version
   * works beside the one before. Default `auto`.
   */
  readonly migrate?: "auto" | "check";
  /** An owner that renewed nothing for so long is dead. Milliseconds; default 15,000. */
  readonly ownerTtlMs?: number;
  /**
   * How long an operation is repeated while the connection is cut, the server restarts or is full, in milliseconds, before
   * it rejects with `store_busy` or `store_unavailable`. Default 60,000, as long as a run waits for its store.
   */
  readonly patienceMs?: number;
  /**
   * Adds row-level security by tenant, for hosts that let tenants ask the database themselves; it stays on. The store's own
   * role must own the tables, or bypass it. Default false.
   */
  readonly rowSecurity?: boolean;
  /** Connections that the store opens at most, with `url`. Default 4. */
  readonly connections?: number;
}

/** More for tests: what the store takes for the time. */
export interface PostgresTestOptions extends PostgresStoreOptions {
  readonly clock?: () => number | null;
  readonly migrations?: readonly string[];
}

/**
 * Everything in one schema of a PostgreSQL database (14 to 18), shared by any number of machines, whose clocks are never
 * compared: the database's decides. Works through a pooler in transaction mode. Needs the package `pg`.
 *
 * ```ts
 * const store = await openPostgresStore({ url: "postgres://slowwave:secret@db.example/memory" });
 * await store.close();
 * ```
 */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<Store> {
  const { schema = "slowwave", ownerTtlMs = 15_000, patienceMs = 60_000, connections = 4 } = options;
  const place = options.url === undefined ? "behind the given pool" : placeOf(options.url);
  demandSchema(schema);
  const pg = await loadDriver();
  const pool = options.pool ?? poolOf(pg, options.url, { connections, patienceMs });
  const endPool = async () => {
    if (options.pool === undefined) await pool.end();
  };
  try {
    const hasSessions = await patiently(() => isDirect(pool), { place, patienceMs });
    const getTypeParser = pg.types.getTypeParser.bind(pg.types);
    const db = openDatabase({ pool, getTypeParser, place, schema, patienceMs, hasSessions });
    const { clock = () => null, migrations } = options as PostgresTestOptions;
    await migrate(db, options.migrate ?? "auto", migrations);
    await raiseLogBase(db);
    if (options.rowSecurity === true) await secureRows(db);
    // From the process's own start: for the time since the last beat, which is measured here alone.
    const monotonicMs = () => Number(process.hrtime.bigint() / 1_000_000n);
    return storeOn(db, { ownerTtlMs, clock, monotonicMs, endPool });
  } catch (error) {
    await endPool();
    throw error;
  }
}

interface Driver {
  readonly Pool: new (config: object) => PostgresPool & { on(event: "error", listener: () => void): unknown };
  readonly types: { getTypeParser(oid: number, format?: string): unknown };
}

async function loadDriver(): Promise<Driver> {
  try {
    return ((await import("pg")) as unknown as { default: Driver }).default;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new SlowwaveError(
      "postgres_driver_missing",
      "slowwave/postgres needs the package pg, which is not installed here; run `npm install pg` and try again.",
      { cause: error },
    );
  }
}

function poolOf(
  pg: Driver,
  url: string | undefined,
  { connections, patienceMs }: { readonly connections: number; readonly patienceMs: number },
): PostgresPool {
  if (url === undefined) {
    throw new SlowwaveError(
      "store_url_invalid",
      "openPostgresStore needs either `url` or `pool`; give one of them.",
    );
  }
  const pool = new pg.Pool({
    connectionString: url,
    max: Math.max(connections, LEAST_CONNECTIONS),
    connectionTimeoutMillis: Math.max(1_000, Math.min(patienceMs, 10_000)),
    keepAlive: true,
    application_name: "slowwave",
  });
  // An idle connection that the server closes is replaced when it is needed.
  pool.on("error", () => {});
  return pool;
}

/** One is the store's own, for its sign of life and what is notified. */
const LEAST_CONNECTIONS = 3;

/** A pooler makes up the number of the server's process that it tells its clients. */
async function isDirect(pool: PostgresPool): Promise<boolean> {
  const client = await pool.connect();
  let failure: unknown = null;
  try {
    return (await backendOf(client)) === client.processID;
  } catch (error) {
    failure = error;
    throw error;
  } finally {
    client.release(failure !== null);
  }
}

async function backendOf(client: SqlClient): Promise<number> {
  const answer = await (
    client as unknown as { query(sql: string): Promise<{ rows: { pid: number }[] }> }
  ).query("select pg_backend_pid() as pid");
  return answer.rows[0]?.pid ?? 0;
}

/** A name that PostgreSQL would cut off would be another schema's. */
function demandSchema(schema: string): void {
  const isName = schema !== "" && Buffer.byteLength(schema) <= 63 && !/[\0-\x1f]/.test(schema);
  if (isName && !schema.startsWith("pg_")) return;
  throw new SlowwaveError(
    "store_url_invalid",
    "The name of the schema must have 1 to 63 bytes, no control characters, and not begin with pg_; choose another.",
  );
}

/**
 * Server, role and database of an address, without its password and parameters, which may hold another. Refuses
 * (`store_url_invalid`) an address that is none of PostgreSQL's; the message does not repeat it.
 */
function placeOf(url: string): string {
  if (/^postgres(ql)?:\/\/[^/?#]*,/.test(url)) {
    throw new SlowwaveError(
      "store_url_invalid",
      "The store's address names several hosts, which the package pg can't try in turn; name one that leads to the primary (DNS, a proxy, pgbouncer).",
    );
  }
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed === null || !/^postgres(ql)?:$/.test(parsed.protocol)) {
    throw new SlowwaveError(
      "store_url_invalid",
      "The store's address is not one of PostgreSQL; write it as postgres://USER:PASSWORD@HOST:PORT/DATABASE.",
    );
  }
  const { protocol, username, host, pathname, searchParams } = parsed;
  const user = username === "" ? "" : `${username}@`;
  const socket = searchParams.get("host");
  return `${protocol}//${user}${host === "" ? (socket ?? "") : host}${pathname}`;
}
