import type { MemoryStore, Stage1Output } from "../../domain/memory.ts";
import { removeUnnamed } from "./blobs.ts";
import type { Database, Query } from "./database.ts";
import { type JobRows, spaceLock } from "./jobs.ts";
import { addRefusal, refusalLock } from "./refusals.ts";
import { sessionRows } from "./session-rows.ts";
import { outputOf, type StoredOutput, stage1Rows } from "./stage1-rows.ts";

/** What a purge reads and removes of a thread's own rows. What a run without a row recorded belongs to every space. */
export function forgettingOf(
  db: Database,
  jobs: JobRows,
): Pick<MemoryStore, "versionsOf" | "spacesOf" | "forget"> {
  return {
    versionsOf: (space, threadId) =>
      db.transaction(
        async (query) => {
          const current = await stage1Rows.read(query, space, threadId);
          const recorded = await recordedVersions(query, space, threadId);
          return [...(current === null ? [] : [current]), ...recorded];
        },
        { isReadOnly: true },
      ),
    spacesOf: async (threadId) => {
      const { rows } = await db.query<{ space: string }>(
        `select space from slowwave.stage1_outputs where thread_id = $1
         union select space from slowwave.recorded_inputs where thread_id = $1 and space <> '' order by 1`,
        [threadId],
      );
      return rows.map(({ space }) => space);
    },
    forget: (threadId, lease) =>
      db.transaction(
        async (query) => {
          if (!(await jobs.isMine(query, lease))) return "lost";
          const { space } = lease;
          await stage1Rows.remove(query, space, threadId);
          await addRefusal(query, space, threadId);
          await sessionRows.forget(query, space, threadId);
          await forgetRecorded(query, space, threadId);
          return "applied";
        },
        { locks: [refusalLock(db, false), spaceLock(db, lease.space)] },
      ),
  };
}

async function recordedVersions(
  query: Query,
  space: string,
  threadId: string,
): Promise<readonly Stage1Output[]> {
  const { rows } = await query<StoredOutput>(
    `select * from (
       select distinct on (source_updated_at, recorded_inputs.raw_memory, recorded_inputs.rollout_summary)
         thread_id as "threadId", source_updated_at as "sourceUpdatedAt", raw.bytes as "rawMemory",
         summary.bytes as "rolloutSummary", generated_at as "generatedAt", rollout_slug as "rolloutSlug",
         rollout_path as "rolloutPath", cwd, git_branch as "gitBranch"
       from slowwave.recorded_inputs
       join slowwave.blobs raw on raw.hash = recorded_inputs.raw_memory
       join slowwave.blobs summary on summary.hash = recorded_inputs.rollout_summary
       where thread_id = $1 and space in ($2, '')
       order by source_updated_at, recorded_inputs.raw_memory, recorded_inputs.rollout_summary, recorded_inputs.id
     ) versions order by "sourceUpdatedAt" desc`,
    [threadId, space],
  );
  return rows.map(outputOf);
}

async function forgetRecorded(query: Query, space: string, threadId: string): Promise<void> {
  const { rows } = await query<{ id: number; raw: string; summary: string }>(
    `select id, raw_memory as raw, rollout_summary as summary from slowwave.recorded_inputs
     where thread_id = $1 and space in ($2, '')`,
    [threadId, space],
  );
  if (rows.length === 0) return;
  const ids = rows.map(({ id }) => id);
  await query(
    `update slowwave.run_input_lists set inputs = array(
         select input from unnest(inputs) with ordinality as named (input, position)
         where input <> all ($2::bigint[]) order by position)
     where space in ($1, '') and inputs && $2::bigint[]`,
    [space, ids],
  );
  await query("delete from slowwave.recorded_inputs where id = any ($1::bigint[])", [ids]);
  await removeUnnamed(
    query,
    rows.flatMap(({ raw, summary }) => [raw, summary]),
  );
}
