import type { Database } from "better-sqlite3";
import type { Store } from "../../domain/ports.ts";
import { memoryOwners } from "../memory/owners.ts";
import { blobTable } from "./blob-table.ts";
import { compact } from "./compact.ts";
import { sqliteGenerations } from "./generations.ts";
import { holderTable } from "./holder-table.ts";
import { jobTable } from "./job-table.ts";
import { sqliteJobs } from "./jobs.ts";
import { sqliteMemories } from "./memories.ts";
import { fileOwners } from "./owners.ts";
import { sqliteRetention } from "./retention.ts";
import { sqliteRuns } from "./runs.ts";
import { groupWriter } from "./writer.ts";

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
  return {
    jobs: sqliteJobs(db, jobs, writer),
    memories: sqliteMemories(db, jobs, blobs, writer),
    runs: sqliteRuns(db, writer),
    generations: sqliteGenerations(db, jobs, blobs, writer),
    owners,
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
