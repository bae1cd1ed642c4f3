import type { Database } from "better-sqlite3";
import { STAGE1_KIND } from "../../domain/job.ts";
import type { LocalStore } from "../../domain/ports.ts";
import { memoryOwners } from "../memory/world.ts";
import { sqliteAdmissions } from "./admissions.ts";
import { blobTable } from "./blob-table.ts";
import { compact } from "./connect.ts";
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
import { groupWriter, type StepThread } from "./writer.ts";

/**
 * The ports on a migrated connection, which closes with the store. Apart from `openSqliteStore`, so that the public
 * types need none of the driver's.
 */
export function storeOn(
  db: Database,
  options: {
    path: string;
    patienceMs: number;
    ownersDir: string | null;
    nowMs: () => number;
    thread?: StepThread | null;
  },
): LocalStore {
  const writer = groupWriter(db, options);
  const { ownersDir, nowMs } = options;
  const owners =
    ownersDir === null ? memoryOwners(new Set()) : fileOwners(ownersDir, holderTable(db, writer));
  const jobs = jobTable(db, nowMs);
  const blobs = blobTable(db);
  const refused = refusedThreads(db);
  const stage1 = stage1Table(db, { jobs, refused });
  const sessionJobs = jobTable(db, nowMs, STAGE1_KIND);
  const sessions = sessionTable(db, sessionJobs);
  return {
    clock: "caller",
    nowMs: async () => nowMs(),
    jobs: sqliteJobs(db, jobs, writer),
    admissions: sqliteAdmissions(db, { jobs, writer, nowMs }),
    memories: sqliteMemories(db, { jobs, blobs, writer, refused, stage1, sessions }),
    runs: sqliteRuns(db, writer),
    generations: sqliteGenerations(db, jobs, blobs, writer),
    liveness: owners.liveness,
    locks: owners.locks,
    sessions: sqliteSessions(db, { jobs, sessionJobs, sessions, stage1, refused, writer }),
    projects: sqliteProjects(db, writer),
    connections: sqliteConnections(db, writer),
    retire: sqliteRetention(db, writer),
    compact: () => compact(db, options),
    close: async () => {
      // What a closed store held is free: first by its rows, which the writer still takes, then by its locks.
      await owners.releaseAll();
      await writer.close();
      await options.thread?.close();
      db.close();
    },
  };
}
