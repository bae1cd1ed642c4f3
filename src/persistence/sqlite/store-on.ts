import type { Database } from "better-sqlite3";
import type { Owners, Store } from "../../domain/ports.ts";
import { blobTable } from "./blob-table.ts";
import { compact } from "./compact.ts";
import { sqliteGenerations } from "./generations.ts";
import { jobTable } from "./job-table.ts";
import { sqliteJobs } from "./jobs.ts";
import { sqliteMemories } from "./memories.ts";
import { sqliteRuns } from "./runs.ts";
import { groupWriter } from "./writer.ts";

/**
 * The ports on a migrated connection, which closes with the store. Apart from `openSqliteStore`, so that the public
 * types need none of the driver's.
 */
export function storeOn(
  db: Database,
  options: { path: string; patienceMs: number; owners: Owners & { releaseAll(): void } },
): Store {
  const { owners } = options;
  const writer = groupWriter(db, options);
  const jobs = jobTable(db);
  const blobs = blobTable(db);
  return {
    jobs: sqliteJobs(db, jobs, writer),
    memories: sqliteMemories(db, jobs, blobs, writer),
    runs: sqliteRuns(db, writer),
    generations: sqliteGenerations(db, jobs, blobs, writer),
    owners,
    compact: () => compact(db, options),
    close: async () => {
      await writer.close();
      owners.releaseAll();
      db.close();
    },
  };
}
