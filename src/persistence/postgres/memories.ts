import {
  changeOf,
  isBlank,
  isStoredTime,
  type MemoryStore,
  type Stage1Output,
  type UpsertOutcome,
} from "../../domain/memory.ts";
import { checkSpaceKey } from "../../domain/settings.ts";
import { acceptRecords } from "../../import/record.ts";
import type { Database, Query } from "./database.ts";
import { forgettingOf } from "./forget.ts";
import { recordedInputsOf } from "./inputs.ts";
import { type JobRows, type StoreClock, spaceLock } from "./jobs.ts";
import { refusalLock, refusalsOf, refusedOf } from "./refusals.ts";

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

export function postgresMemories(db: Database, jobs: JobRows, clock: StoreClock): MemoryStore {
  return {
    ...stage1Writes(db, jobs, clock),
    ...stage1Reads(db),
    ...recordedInputsOf(db),
    ...refusalsOf(db),
    ...forgettingOf(db, jobs),
  };
}

/** How many records go into one statement; each may have two texts of a mebibyte. */
const RECORDS = 100;
const RECORD_BYTES = 8 << 20;

/** Writes to `stage1_outputs`, as steps of a transaction that holds `takingIn`. */
export const stage1Rows = {
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
          await put(query, space, [{ ...row, sourceUpdatedAt, rawMemory: "", rolloutSummary: "" }]);
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
