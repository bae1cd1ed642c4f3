import { isStoredTime, type MemoryStore } from "../../domain/memory.ts";
import { checkSpaceKey } from "../../domain/settings.ts";
import { acceptRecords } from "../../import/record.ts";
import type { Database } from "./database.ts";
import { forgettingOf } from "./forget.ts";
import { recordedInputsOf } from "./inputs.ts";
import type { JobRows, StoreClock } from "./jobs.ts";
import { refusalsOf } from "./refusals.ts";
import { OUTPUT, outputOf, type StoredOutput, stage1Rows, takingIn } from "./stage1-rows.ts";

export function postgresMemories(db: Database, jobs: JobRows, clock: StoreClock): MemoryStore {
  return {
    ...stage1Writes(db, jobs, clock),
    ...stage1Reads(db),
    ...recordedInputsOf(db),
    ...refusalsOf(db),
    ...forgettingOf(db, jobs),
  };
}

function stage1Writes(
  db: Database,
  jobs: JobRows,
  clock: StoreClock,
): Pick<MemoryStore, "upsert" | "withdraw"> {
  return {
    upsert: async (space, inputs) => {
      checkSpaceKey(space);
      const now = clock();
      const { records, redacted } = await acceptRecords(inputs);
      const counts = await db.transaction(
        (query) => stage1Rows.upsert(query, { jobs, now }, space, records),
        {
          locks: takingIn(db, space),
        },
      );
      return { ...counts, redacted };
    },
    withdraw: async (space, threadId) => {
      checkSpaceKey(space);
      const now = clock();
      return db.transaction(
        async (query) => {
          const row = await stage1Rows.read(query, space, threadId);
          if (row === null || (row.rawMemory === "" && row.rolloutSummary === "")) return "unchanged";
          const sourceUpdatedAt = isStoredTime(row.sourceUpdatedAt) ? row.sourceUpdatedAt + 1 : 1;
          await stage1Rows.put(query, space, [
            { ...row, sourceUpdatedAt, rawMemory: "", rolloutSummary: "" },
          ]);
          await jobs.enqueue(query, space, sourceUpdatedAt, now);
          return "withdrawn";
        },
        { locks: takingIn(db, space) },
      );
    },
  };
}

function stage1Reads(
  db: Database,
): Pick<MemoryStore, "select" | "count" | "setAside" | "removeSetAside" | "spaces"> {
  return {
    select: async (space, limit) => {
      const { rows } = await db.query<StoredOutput>(
        `select ${OUTPUT} from slowwave.stage1_outputs where space = $1 and not blank and not refused
         order by source_updated_at desc, thread_id desc limit $2`,
        [space, Math.max(0, limit)],
      );
      return rows.map(outputOf);
    },
    count: async (space, newerThan = 0) => {
      const { rows } = await db.query<{ count: number }>(
        `select count(*) from slowwave.stage1_outputs
         where space = $1 and not blank and not refused and source_updated_at > $2`,
        [space, newerThan],
      );
      return rows[0]?.count ?? 0;
    },
    // No other program writes here: only what was refused after it had come in is left out.
    setAside: async (space) => {
      const { rows } = await db.query<{ threadId: string }>(
        `select thread_id as "threadId" from slowwave.stage1_outputs
         where space = $1 and refused and not blank order by thread_id`,
        [space],
      );
      const message = "The thread was purged, and another program wrote it again.";
      return rows.map(({ threadId }) => ({ threadId, code: "forgotten", message }));
    },
    removeSetAside: async (space) =>
      (await db.query("delete from slowwave.stage1_outputs where space = $1 and refused", [space])).count,
    spaces: async () => {
      const { rows } = await db.query<{ space: string }>(
        "select distinct space from slowwave.stage1_outputs order by space",
      );
      return rows.map(({ space }) => space);
    },
  };
}
