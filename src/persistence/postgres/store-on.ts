import type { Store } from "../../domain/ports.ts";
import { postgresAdmissions } from "./admissions.ts";
import { type Database, LONG_WORK_MS } from "./database.ts";
import { postgresGenerations } from "./generations.ts";
import { nowIn, phase2Jobs, postgresJobs, type StoreClock } from "./jobs.ts";
import { ownerLife } from "./liveness.ts";
import { postgresMemories } from "./memories.ts";
import { postgresConnections, postgresProjects } from "./projects.ts";
import { postgresRetention } from "./retention.ts";
import { postgresRuns } from "./runs.ts";
import { sessionJobs } from "./session-rows.ts";
import { postgresSessions } from "./sessions.ts";
import { sharedSession } from "./shared-session.ts";
import { watchLeavings } from "./watch.ts";

/** Tables that hold texts of memories and sessions. */
const WITH_TEXT = [
  "stage1_outputs",
  "blobs",
  "recorded_inputs",
  "evidence",
  "sessions",
  "events",
  "runs",
  "run_actors",
  "signals",
];

/** The ports on a migrated database. */
export function storeOn(
  db: Database,
  options: {
    readonly ownerTtlMs: number;
    readonly clock: StoreClock;
    readonly monotonicMs: () => number;
    readonly endPool: () => Promise<void>;
  },
): Store {
  const { ownerTtlMs: ttlMs, clock, monotonicMs } = options;
  const session = sharedSession(db);
  const liveness = ownerLife(db, session, { ttlMs, monotonicMs });
  const watching = watchLeavings(db, session);
  const jobs = phase2Jobs;
  const leases = postgresJobs(db, sessionJobs, clock);
  let closing: Promise<void> | null = null;
  return {
    clock: "store",
    nowMs: async () => {
      const { rows } = await db.query<{ nowMs: number }>(`select ${nowIn("$1")} as "nowMs"`, [clock()]);
      return rows[0]?.nowMs ?? 0;
    },
    jobs: postgresJobs(db, jobs, clock),
    admissions: postgresAdmissions(db, { session, clock, monotonicMs, probe: liveness.probe }),
    memories: postgresMemories(db, jobs, clock),
    runs: postgresRuns(db, watching),
    generations: postgresGenerations(db, jobs),
    liveness,
    sessions: postgresSessions(db, { jobs, clock, leases }),
    projects: postgresProjects(db),
    connections: postgresConnections(db),
    retire: postgresRetention(db, clock),
    /**
     * Frees what was deleted, table by table, as far as PostgreSQL does that while others work. What its log, its
     * replicas and its backups hold is not reached from here.
     */
    compact: async () => {
      for (const table of WITH_TEXT) await db.query(`vacuum slowwave.${table}`, [], LONG_WORK_MS);
    },
    close: () => {
      closing ??= (async () => {
        watching.close();
        await liveness.releaseAll();
        await db.close();
        session.close();
        await options.endPool();
      })();
      return closing;
    },
  };
}
