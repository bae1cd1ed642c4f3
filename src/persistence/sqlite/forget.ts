import type { Database } from "better-sqlite3";
import { isStoredTime, type MemoryStore, type Stage1Output } from "../../domain/memory.ts";
import { EVERY_SPACE, refusalHash } from "../refusals.ts";
import type { BlobTable } from "./blob-table.ts";
import type { JobTable } from "./jobs.ts";
import type { SessionTable } from "./session-table.ts";
import { GROUP_LIMIT, type Writer } from "./writer.ts";

const COLUMNS = `thread_id as threadId, source_updated_at as sourceUpdatedAt, generated_at as generatedAt,
  rollout_slug as rolloutSlug, rollout_path as rolloutPath, cwd, git_branch as gitBranch`;

interface ForgetParts {
  readonly jobs: JobTable;
  readonly blobs: BlobTable;
  readonly writer: Writer;
  readonly refused: RefusedThreads;
  readonly sessions: SessionTable;
}

/** What a purge reads and removes of a thread's own rows. What a run without a row recorded belongs to every space. */
export function forgottenThreads(
  db: Database,
  { jobs, blobs, writer, refused, sessions }: ForgetParts,
): Pick<MemoryStore, "versionsOf" | "spacesOf" | "forget"> {
  const { write, read } = writer;
  const row = db.prepare<[string, string], Stage1Output>(
    `select ${COLUMNS}, raw_memory as rawMemory, rollout_summary as rolloutSummary
     from stage1_outputs where space = ? and thread_id = ?`,
  );
  const recorded = db.prepare<[string, string], Stage1Output>(
    `select ${COLUMNS}, cast(raw.bytes as text) as rawMemory, cast(summary.bytes as text) as rolloutSummary
     from recorded_inputs
     join blobs raw on raw.hash = recorded_inputs.raw_memory
     join blobs summary on summary.hash = recorded_inputs.rollout_summary
     where thread_id = ? and space in (?, '')
     group by source_updated_at, recorded_inputs.raw_memory, recorded_inputs.rollout_summary
     order by source_updated_at desc`,
  );
  const spaces = db
    .prepare<[string, string], string>(
      `select space from stage1_outputs where thread_id = ?
       union select space from recorded_inputs where thread_id = ? and space <> '' order by 1`,
    )
    .pluck();
  const versions = db.prepare<[string, string], { id: number; raw: string; summary: string }>(
    `select id, raw_memory as raw, rollout_summary as summary from recorded_inputs
     where thread_id = ? and space in (?, '')`,
  );
  const removeRow = db.prepare<[string, string]>(
    "delete from stage1_outputs where space = ? and thread_id = ?",
  );
  const removeFromLists = db.prepare<{ space: string; ids: string }>(
    `update run_input_lists set inputs =
       (select json_group_array(value order by key) from json_each(inputs)
        where value not in (select value from json_each(@ids)))
     where space in (@space, '') and exists
       (select 1 from json_each(inputs) where value in (select value from json_each(@ids)))`,
  );
  const removeVersion = db.prepare<[number]>("delete from recorded_inputs where id = ?");
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
        const found = versions.all(threadId, lease.space);
        removeRow.run(lease.space, threadId);
        refused.add(lease.space, threadId);
        sessions.forget(lease.space, threadId);
        removeFromLists.run({ space: lease.space, ids: JSON.stringify(found.map(({ id }) => id)) });
        for (const { id } of found) removeVersion.run(id);
        blobs.removeUnnamed(found.flatMap(({ raw, summary }) => [raw, summary]));
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

/** Threads that were purged, as steps of a transaction that someone else holds. No id is kept, only its keyed hash. */
export interface RefusedThreads {
  has(space: string, threadId: string): boolean;
  /** Null: in every space. */
  add(space: string | null, threadId: string): void;
  /** In this space and in every space. False: there was nothing. */
  lift(space: string, threadId: string): boolean;
  count(space: string): number;
}

export function refusedThreads(db: Database): RefusedThreads {
  // Read when it is needed first: a store that only reads may have been opened before the key was there.
  let key: Uint8Array | undefined;
  const readKey = db.prepare<[], Uint8Array>("select key from refusal_key limit 1").pluck();
  const isAny = db.prepare<[], number>("select 1 from refused_threads limit 1").pluck();
  const spaces = db.prepare<[], string>("select distinct space from refused_threads").pluck();
  const find = db
    .prepare<[string, Uint8Array], number>("select 1 from refused_threads where space = ? and hash = ?")
    .pluck();
  const insert = db.prepare<[string, Uint8Array]>("insert or ignore into refused_threads values (?, ?)");
  const remove = db.prepare<[string, Uint8Array]>("delete from refused_threads where space = ? and hash = ?");
  const count = db
    .prepare<[string, string], number>("select count(*) from refused_threads where space in (?, ?)")
    .pluck();

  function hashOf(space: string, threadId: string): Uint8Array {
    key ??= readKey.get() ?? new Uint8Array();
    return refusalHash(key, space, threadId);
  }

  return {
    has: (space, threadId) =>
      isAny.get() !== undefined &&
      [space, EVERY_SPACE].some((one) => find.get(one, hashOf(one, threadId)) !== undefined),
    add: (space, threadId) => {
      if (space !== null && find.get(EVERY_SPACE, hashOf(EVERY_SPACE, threadId)) !== undefined) return;
      // One row a thread, so that a count is one of threads.
      if (space === null) for (const one of spaces.all()) remove.run(one, hashOf(one, threadId));
      insert.run(space ?? EVERY_SPACE, hashOf(space ?? EVERY_SPACE, threadId));
    },
    lift: (space, threadId) =>
      [space, EVERY_SPACE]
        .map((one) => remove.run(one, hashOf(one, threadId)).changes)
        .some((changes) => changes > 0),
    count: (space) => count.get(space, EVERY_SPACE) ?? 0,
  };
}
