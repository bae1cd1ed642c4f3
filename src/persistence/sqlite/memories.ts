import type { Database } from "better-sqlite3";
import type { Stage1Input, Stage1Output, UpsertOutcome } from "../../domain/memory.ts";
import { completed, isBlank } from "../../domain/memory.ts";
import type { MemoryStore } from "../../domain/ports.ts";
import type { BlobTable } from "./blob-table.ts";
import { forgottenThreads } from "./forget.ts";
import { recordedInputs } from "./inputs.ts";
import type { JobTable } from "./job-table.ts";
import { GROUP_LIMIT, type Writer } from "./writer.ts";

const COLUMNS = `thread_id as threadId, source_updated_at as sourceUpdatedAt, raw_memory as rawMemory,
  rollout_summary as rolloutSummary, generated_at as generatedAt, rollout_slug as rolloutSlug,
  rollout_path as rolloutPath, cwd, git_branch as gitBranch`;

export function sqliteMemories(db: Database, jobs: JobTable, blobs: BlobTable, writer: Writer): MemoryStore {
  const knownTime = db
    .prepare<[string, string], number>(
      "select source_updated_at from stage1_outputs where space = ? and thread_id = ?",
    )
    .pluck();
  const put = db.prepare(
    `insert into stage1_outputs (space, thread_id, source_updated_at, raw_memory, rollout_summary, generated_at,
       rollout_slug, rollout_path, cwd, git_branch, blank)
     values (@space, @threadId, @sourceUpdatedAt, @rawMemory, @rolloutSummary, @generatedAt,
       @rolloutSlug, @rolloutPath, @cwd, @gitBranch, @blank)
     on conflict (space, thread_id) do update set source_updated_at = excluded.source_updated_at,
       raw_memory = excluded.raw_memory, rollout_summary = excluded.rollout_summary,
       generated_at = excluded.generated_at, rollout_slug = excluded.rollout_slug,
       rollout_path = excluded.rollout_path, cwd = excluded.cwd, git_branch = excluded.git_branch,
       blank = excluded.blank`,
  );
  // White space is judged when a row is written: SQL's own `trim` knows spaces only.
  const latest = db.prepare<[string, number], Stage1Output>(
    `select ${COLUMNS} from stage1_outputs where space = ? and blank = 0
     order by source_updated_at desc, thread_id desc limit ?`,
  );
  const count = db
    .prepare<[string], number>("select count(*) from stage1_outputs where space = ? and blank = 0")
    .pluck();
  const countNewer = db
    .prepare<[string, number], number>(
      "select count(*) from stage1_outputs where space = ? and blank = 0 and source_updated_at > ?",
    )
    .pluck();
  const { recordInputs, inputsOf } = recordedInputs(db, blobs, writer);
  const forgetting = forgottenThreads(db, jobs, blobs, writer);

  function upsert(space: string, inputs: readonly Stage1Input[]): UpsertOutcome {
    let [imported, updated, unchanged] = [0, 0, 0];
    let newest: number | null = null;
    for (const output of inputs.map(completed)) {
      const known = knownTime.get(space, output.threadId);
      if (known !== undefined && known >= output.sourceUpdatedAt) {
        unchanged += 1;
        continue;
      }
      put.run({ ...output, space, blank: isBlank(output) ? 1 : 0 });
      if (known === undefined) imported += 1;
      else updated += 1;
      newest = Math.max(newest ?? output.sourceUpdatedAt, output.sourceUpdatedAt);
    }
    if (newest !== null) jobs.enqueue(space, newest);
    return { imported, updated, unchanged };
  }

  return {
    upsert: (space, inputs) =>
      writer.write(() => upsert(space, inputs), Math.min(inputs.length, GROUP_LIMIT)),
    select: (space, limit) => writer.read(() => (limit > 0 ? latest.all(space, limit) : [])),
    count: (space, newerThan) =>
      writer.read(() => (newerThan === undefined ? count.get(space) : countNewer.get(space, newerThan)) ?? 0),
    recordInputs,
    inputsOf,
    ...forgetting,
  };
}
