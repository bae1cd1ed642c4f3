import { dirname, join, resolve } from "node:path";
import type { Database } from "better-sqlite3";
import { STAGE1_KIND } from "../../domain/job.ts";
import type { Store } from "../../domain/ports.ts";
import { storeError } from "../errors.ts";
import { memoryOwners } from "../memory/world.ts";
import { blobTable } from "./blob-table.ts";
import { compact, connect, demandNode, IN_MEMORY } from "./connect.ts";
import { refusedThreads } from "./forget.ts";
import { sqliteGenerations } from "./generations.ts";
import { jobTable, sqliteJobs } from "./jobs.ts";
import { sqliteMemories, stage1Table } from "./memories.ts";
import { fileOwners, holderTable } from "./owners.ts";
import { sqliteConnections, sqliteProjects } from "./projects.ts";
import { sqliteRetention } from "./retention.ts";
import { sqliteRuns } from "./runs.ts";
import { sessionTable } from "./session-table.ts";
import { sqliteSessions } from "./sessions.ts";
import { groupWriter } from "./writer.ts";

export interface SqliteStoreOptions {
  /** The database file, created with its tables where there is none; its folder must exist. Or `:memory:`. */
  readonly path: string;
  /** How long an operation waits for other processes, in milliseconds, before it rejects with `store_busy`. Default 10,000. */
  readonly patienceMs?: number;
  /** Where the lock files of living processes are. Default: `owners` beside the database. */
  readonly ownersDir?: string;
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
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  demandNode();
  const { patienceMs = 10_000 } = options;
  const path = options.path === IN_MEMORY ? IN_MEMORY : resolve(options.path);
  const ownersDir = path === IN_MEMORY ? null : resolve(options.ownersDir ?? join(dirname(path), "owners"));
  const db = await connect(path, patienceMs);
  try {
    return storeOn(db, { path, patienceMs, ownersDir });
  } catch (error) {
    // It says it is ours and up to date, and yet a statement does not fit its tables.
    db.close();
    throw storeError("store_corrupt", path, error);
  }
}

/**
 * The ports on a migrated connection, which closes with the store. Apart from `openSqliteStore`, so that the public
 * types need none of the driver's.
 */
export function storeOn(
  db: Database,
  options: { path: string; patienceMs: number; ownersDir: string | null },
): Store {
  const writer = groupWriter(db, options);
  const { ownersDir } = options;
  const owners =
    ownersDir === null ? memoryOwners(new Set()) : fileOwners(ownersDir, holderTable(db, writer));
  const jobs = jobTable(db);
  const blobs = blobTable(db);
  const refused = refusedThreads(db);
  const stage1 = stage1Table(db, { jobs, refused });
  const sessionJobs = jobTable(db, STAGE1_KIND);
  const sessions = sessionTable(db, sessionJobs);
  return {
    jobs: sqliteJobs(db, jobs, writer),
    memories: sqliteMemories(db, { jobs, blobs, writer, refused, stage1, sessions }),
    runs: sqliteRuns(db, writer),
    generations: sqliteGenerations(db, jobs, blobs, writer),
    owners,
    sessions: sqliteSessions(db, { jobs, sessionJobs, sessions, stage1, refused, writer }),
    projects: sqliteProjects(db, writer),
    connections: sqliteConnections(db, writer),
    retire: sqliteRetention(db, writer),
    compact: () => compact(db, options),
    close: async () => {
      // What a closed store held is free: first by its rows, which the writer still takes, then by its locks.
      await owners.releaseAll();
      await writer.close();
      db.close();
    },
  };
}
