import type { Database } from "better-sqlite3";
import { isStoredTime, type Stage1Output } from "../../domain/memory.ts";
import type { MemoryStore } from "../../domain/ports.ts";
import type { BlobTable } from "./blob-table.ts";
import type { JobTable } from "./job-table.ts";
import type { RefusedThreads } from "./refused-threads.ts";
import { GROUP_LIMIT, type Writer } from "./writer.ts";

const COLUMNS = `thread_id as threadId, source_updated_at as sourceUpdatedAt, generated_at as generatedAt,
  rollout_slug as rolloutSlug, rollout_path as rolloutPath, cwd, git_branch as gitBranch`;

interface ForgetParts {
  readonly jobs: JobTable;
  readonly blobs: BlobTable;
  readonly writer: Writer;
  readonly refused: RefusedThreads;
}

/** What a purge reads and removes of a thread's own rows. A run without a row (a plain one) belongs to every space. */
export function forgottenThreads(
  db: Database,
  { jobs, blobs, writer, refused }: ForgetParts,
): Pick<MemoryStore, "versionsOf" | "spacesOf" | "forget"> {
  const { write, read } = writer;
  const row = db.prepare<[string, string], Stage1Output>(
    `select ${COLUMNS}, raw_memory as rawMemory, rollout_summary as rolloutSummary
     from stage1_outputs where space = ? and thread_id = ?`,
  );
  const inSpace = "(select space from runs where id = run_inputs.run) = ?";
  const recorded = db.prepare<[string, string], Stage1Output>(
    `select ${COLUMNS}, cast(raw.bytes as text) as rawMemory, cast(summary.bytes as text) as rolloutSummary
     from run_inputs
     join blobs raw on raw.hash = run_inputs.raw_memory
     join blobs summary on summary.hash = run_inputs.rollout_summary
     where thread_id = ? and (${inSpace} or not exists (select 1 from runs where id = run_inputs.run))
     group by source_updated_at, run_inputs.raw_memory, run_inputs.rollout_summary
     order by source_updated_at desc`,
  );
  const spaces = db
    .prepare<[string, string], string>(
      `select space from stage1_outputs where thread_id = ?
       union select runs.space from run_inputs join runs on runs.id = run_inputs.run where thread_id = ? order by 1`,
    )
    .pluck();
  const hashes = db.prepare<[string, string], { raw: string; summary: string }>(
    `select raw_memory as raw, rollout_summary as summary from run_inputs
     where thread_id = ? and (${inSpace} or not exists (select 1 from runs where id = run_inputs.run))`,
  );
  const removeRow = db.prepare<[string, string]>(
    "delete from stage1_outputs where space = ? and thread_id = ?",
  );
  const removeInputs = db.prepare<[string, string]>(
    `delete from run_inputs
     where thread_id = ? and (${inSpace} or not exists (select 1 from runs where id = run_inputs.run))`,
  );
  return {
    versionsOf: (space, threadId) =>
      read(() => {
        const current = row.get(space, threadId);
        return [...(current === undefined ? [] : [readable(current)]), ...recorded.all(threadId, space)];
      }),
    spacesOf: (threadId) => read(() => spaces.all(threadId, threadId)),
    forget: (threadId, lease) =>
      write(() => {
        if (!jobs.isMine(lease)) return "lost";
        const texts = hashes.all(threadId, lease.space).flatMap(({ raw, summary }) => [raw, summary]);
        removeRow.run(lease.space, threadId);
        removeInputs.run(threadId, lease.space);
        blobs.removeUnnamed(texts);
        refused.add(lease.space, threadId);
        return "applied";
      }, GROUP_LIMIT),
  };
}

/** A row of another program may hold anything; a purge only looks for its words. */
function readable(row: Stage1Output): Stage1Output {
  return {
    ...row,
    sourceUpdatedAt: isStoredTime(row.sourceUpdatedAt) ? row.sourceUpdatedAt : 0,
    rawMemory: String(row.rawMemory),
    rolloutSummary: String(row.rolloutSummary),
    rolloutSlug: row.rolloutSlug === null ? null : String(row.rolloutSlug),
    rolloutPath: String(row.rolloutPath),
    cwd: String(row.cwd),
  };
}
