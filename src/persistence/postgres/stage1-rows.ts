import { changeOf, isBlank, type Stage1Output, type UpsertOutcome } from "../../domain/memory.ts";
import type { Database, Query } from "./database.ts";
import { type JobRows, spaceLock } from "./jobs.ts";
import { refusalLock, refusedOf } from "./refusals.ts";

/** Texts as they are stored: bytes. */
export type StoredOutput = Omit<Stage1Output, "rawMemory" | "rolloutSummary"> & {
  readonly rawMemory: Buffer;
  readonly rolloutSummary: Buffer;
};

export const OUTPUT = `thread_id as "threadId", source_updated_at as "sourceUpdatedAt", raw_memory as "rawMemory",
  rollout_summary as "rolloutSummary", generated_at as "generatedAt", rollout_slug as "rolloutSlug",
  rollout_path as "rolloutPath", cwd, git_branch as "gitBranch"`;

export function outputOf(row: StoredOutput): Stage1Output {
  return { ...row, rawMemory: row.rawMemory.toString(), rolloutSummary: row.rolloutSummary.toString() };
}

/** How many records go into one statement; each may have two texts of a mebibyte. */
const RECORDS = 100;
const RECORD_BYTES = 8 << 20;

/** Writes to `stage1_outputs`, as steps of a transaction that holds `takingIn`. */
export const stage1Rows = {
  put,
  read: async (query: Query, space: string, threadId: string): Promise<Stage1Output | null> => {
    const sql = `select ${OUTPUT} from slowwave.stage1_outputs where space = $1 and thread_id = $2`;
    const row = (await query<StoredOutput>(sql, [space, threadId])).rows[0];
    return row === undefined ? null : outputOf(row);
  },
  /** False: there was nothing. */
  remove: async (query: Query, space: string, threadId: string): Promise<boolean> => {
    const sql = "delete from slowwave.stage1_outputs where space = $1 and thread_id = $2";
    return (await query(sql, [space, threadId])).count === 1;
  },
  /** Also enqueues phase 2 by the newest of what changed. */
  upsert: async (
    query: Query,
    { jobs, now }: { readonly jobs: JobRows; readonly now: number | null },
    space: string,
    records: readonly Stage1Output[],
  ): Promise<Omit<UpsertOutcome, "redacted">> => {
    const counts = { imported: 0, updated: 0, unchanged: 0, forgotten: 0 };
    let newest: number | null = null;
    const ids = records.map(({ threadId }) => threadId);
    const refused = await refusedOf(query, space, ids);
    const stored = new Map<string, Stage1Output>();
    for (const chunk of inChunks(records)) {
      await readInto(query, stored, space, chunk);
      const fresh = new Map<string, Stage1Output>();
      for (const record of chunk) {
        if (refused.has(record.threadId)) {
          counts.forgotten += 1;
          continue;
        }
        const change = changeOf(stored.get(record.threadId), record);
        counts[change] += 1;
        if (change === "unchanged") continue;
        stored.set(record.threadId, record);
        fresh.set(record.threadId, record);
        newest = Math.max(newest ?? record.sourceUpdatedAt, record.sourceUpdatedAt);
      }
      await put(query, space, [...fresh.values()]);
    }
    if (newest !== null) await jobs.enqueue(query, space, newest, now);
    return counts;
  },
};

async function readInto(
  query: Query,
  stored: Map<string, Stage1Output>,
  space: string,
  records: readonly Stage1Output[],
): Promise<void> {
  const { rows } = await query<StoredOutput>(
    `select ${OUTPUT} from slowwave.stage1_outputs where space = $1 and thread_id = any ($2::text[])`,
    [space, records.map(({ threadId }) => threadId)],
  );
  for (const row of rows) stored.set(row.threadId, outputOf(row));
}

async function put(query: Query, space: string, records: readonly Stage1Output[]): Promise<void> {
  if (records.length === 0) return;
  const column = <Value>(of: (record: Stage1Output) => Value) => records.map(of);
  await query(
    `insert into slowwave.stage1_outputs (space, thread_id, source_updated_at, raw_memory, rollout_summary,
       generated_at, rollout_slug, rollout_path, cwd, git_branch, blank)
     select $1, * from unnest($2::text[], $3::bigint[], $4::bytea[], $5::bytea[], $6::bigint[], $7::text[], $8::text[],
       $9::text[], $10::text[], $11::boolean[])
     on conflict (space, thread_id) do update set source_updated_at = excluded.source_updated_at,
       raw_memory = excluded.raw_memory, rollout_summary = excluded.rollout_summary,
       generated_at = excluded.generated_at, rollout_slug = excluded.rollout_slug,
       rollout_path = excluded.rollout_path, cwd = excluded.cwd, git_branch = excluded.git_branch,
       blank = excluded.blank, refused = false`,
    [
      space,
      column(({ threadId }) => threadId),
      column(({ sourceUpdatedAt }) => sourceUpdatedAt),
      column(({ rawMemory }) => Buffer.from(rawMemory)),
      column(({ rolloutSummary }) => Buffer.from(rolloutSummary)),
      column(({ generatedAt }) => generatedAt),
      column(({ rolloutSlug }) => rolloutSlug),
      column(({ rolloutPath }) => rolloutPath),
      column(({ cwd }) => cwd),
      column(({ gitBranch }) => gitBranch),
      column(isBlank),
    ],
  );
}

function* inChunks(records: readonly Stage1Output[]): Iterable<readonly Stage1Output[]> {
  let chunk: Stage1Output[] = [];
  let size = 0;
  for (const record of records) {
    chunk.push(record);
    size += record.rawMemory.length + record.rolloutSummary.length;
    if (chunk.length < RECORDS && size < RECORD_BYTES) continue;
    yield chunk;
    chunk = [];
    size = 0;
  }
  if (chunk.length > 0) yield chunk;
}

/** What a transaction holds that takes records of a space in. */
export function takingIn(db: Database, space: string) {
  return [refusalLock(db, true), spaceLock(db, space)];
}
