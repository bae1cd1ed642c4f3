import { dirname, join, resolve } from "node:path";
import type { Database, Statement } from "better-sqlite3";
import type { LocalStore } from "../../domain/ports.ts";
import { storeError } from "../errors.ts";
import { machineNowMs } from "../machine-clock.ts";
import { connect, demandNode, IN_MEMORY } from "./connect.ts";
import { storeOn } from "./store-on.ts";
import type { StepThread } from "./writer.ts";

export interface SqliteStoreOptions {
  /** The database file, created with its tables where there is none; its folder must exist. Or `:memory:`. */
  readonly path: string;
  /** How long an operation waits for other processes, in milliseconds, before it rejects with `store_busy`. Default 10,000. */
  readonly patienceMs?: number;
  /** Where the lock files of living processes are. Default: `owners` beside the database. */
  readonly ownersDir?: string;
  /** The time, Unix milliseconds, by which jobs become due one before the other. Default: the machine's. */
  readonly nowMs?: () => number;
  /**
   * `thread`: steps of durable runs are committed by a worker thread with a connection of its own, as long as there are
   * many at once; it pays with dozens of runs in a process that has a second core. All other writes, and the steps of
   * few runs, stay in this thread, as does everything of a `:memory:` database. Default: `main`.
   */
  readonly writer?: "main" | "thread";
}

/**
 * Everything in one SQLite file (WAL, every commit synced), shared by any number of processes of one machine.
 * Rejects with a `SlowwaveError` that says what to do when the file is not ours, newer, damaged, on a network file
 * system, or cannot be written; see `StoreCode`.
 *
 * ```ts
 * const store = await openSqliteStore({ path: "/var/lib/memory/slowwave.db" });
 * await store.close();
 * ```
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<LocalStore> {
  demandNode();
  const { patienceMs = 10_000, nowMs = machineNowMs } = options;
  const path = options.path === IN_MEMORY ? IN_MEMORY : resolve(options.path);
  const ownersDir = path === IN_MEMORY ? null : resolve(options.ownersDir ?? join(dirname(path), "owners"));
  const db = await connect(path, patienceMs);
  let thread: StepThread | null = null;
  try {
    const isThreaded = options.writer === "thread" && path !== IN_MEMORY;
    // Read by those alone who ask for it.
    if (isThreaded) thread = await (await import("./step-thread.ts")).startStepThread({ path });
    const ports = () => storeOn(db, { path, patienceMs, ownersDir, nowMs, thread });
    const schema = schemaOf(db);
    if (thread === null && FITTING.has(schema)) return preparingAtFirstUse(db, ports);
    const store = ports();
    FITTING.add(schema);
    return store;
  } catch (error) {
    // It says it is ours and up to date, and yet a statement does not fit its tables.
    await thread?.close();
    db.close();
    throw storeError("store_corrupt", path, error);
  }
}

/** Schemas that every statement of the ports was prepared for, by this process. */
const FITTING = new Set<string>();

function schemaOf(db: Database): string {
  return db
    .prepare<[], string>(
      "select group_concat(coalesce(sql, name), char(10)) from (select * from sqlite_schema order by name)",
    )
    .pluck()
    .get() as string;
}

/**
 * To prepare some two hundred statements is half of what it costs to open a store. The first time it shows that each of
 * them fits the tables; of the same tables once more, those are prepared that are used.
 */
function preparingAtFirstUse<Made>(db: Database, make: () => Made): Made {
  const prepare = db.prepare.bind(db);
  db.prepare = ((sql: string) => lateStatement(() => prepare(sql))) as Database["prepare"];
  try {
    return make();
  } finally {
    db.prepare = prepare;
  }
}

/** What the ports use of a statement. */
type UsedStatement = Pick<Statement, "run" | "get" | "all" | "iterate" | "pluck">;

function lateStatement(prepare: () => Statement): UsedStatement {
  let statement: Statement | null = null;
  const prepared = () => {
    statement ??= prepare();
    return statement;
  };
  return {
    run: (...values: unknown[]) => prepared().run(...values),
    get: (...values: unknown[]) => prepared().get(...values),
    all: (...values: unknown[]) => prepared().all(...values),
    iterate: (...values: unknown[]) => prepared().iterate(...values),
    pluck: () => lateStatement(() => prepare().pluck()) as Statement,
  };
}
