import { setImmediate as nextTurn } from "node:timers/promises";
import type { Database } from "better-sqlite3";
import {
  changeOf,
  isStoredTime,
  type MemoryStore,
  type SetAside,
  type Stage1Output,
  type UpsertOutcome,
} from "../../domain/memory.ts";
import { checkSpaceKey } from "../../domain/settings.ts";
import { acceptRecords, cleanRecord, judgeRecord } from "../../import/record.ts";
import { hashOfText } from "../refusals.ts";
import type { BlobTable } from "./blob-table.ts";
import { forgottenThreads, type RefusedThreads } from "./forget.ts";
import type { JobTable } from "./jobs.ts";
import type { SessionTable } from "./session-table.ts";
import { GROUP_LIMIT, type Writer } from "./writer.ts";

const COLUMNS = `thread_id as threadId, source_updated_at as sourceUpdatedAt, raw_memory as rawMemory,
  rollout_summary as rolloutSummary, generated_at as generatedAt, rollout_slug as rolloutSlug,
  rollout_path as rolloutPath, cwd, git_branch as gitBranch`;

/** A row as it stands: `accepted` is null while it may be of another program, and then any column may hold anything. */
type Row = Stage1Output & { readonly accepted: number | null; readonly rowid: number };

export function sqliteMemories(
  db: Database,
  { jobs, blobs, writer, refused, stage1, sessions }: MemoryParts,
): MemoryStore {
  const { recordInputs, inputsOf } = recordedInputs(db, blobs, writer);
  // Rows that are there already are judged again, and left out.
  const setUnjudged = db.prepare<[string, string | null, string | null]>(
    "update stage1_outputs set accepted = null where thread_id = ? and (? is null or space = ?)",
  );
  return {
    ...stage1Writes(stage1, { jobs, writer }),
    ...stage1Reads(db, { writer, refused }),
    recordInputs,
    inputsOf,
    ...forgottenThreads(db, { jobs, blobs, writer, refused, sessions }),
    refuse: (threadId, space) =>
      writer.write(() => {
        refused.add(space, threadId);
        setUnjudged.run(threadId, space, space);
      }),
    remember: (threadId, space) => writer.write(() => refused.lift(space, threadId)),
    refused: (space) => writer.read(() => refused.count(space)),
  };
}

interface Parts {
  readonly jobs: JobTable;
  readonly writer: Writer;
  readonly refused: RefusedThreads;
}

interface MemoryParts extends Parts {
  readonly blobs: BlobTable;
  readonly stage1: Stage1Table;
  readonly sessions: SessionTable;
}

/** Writes to `stage1_outputs`, as steps of a transaction that someone else holds. */
export interface Stage1Table {
  read(space: string, threadId: string): Stage1Output | undefined;
  /** Also enqueues phase 2 by the newest of what changed. */
  upsert(space: string, records: readonly Stage1Output[]): Omit<UpsertOutcome, "redacted">;
  put(space: string, record: Stage1Output): void;
  /** False: there was nothing. */
  remove(space: string, threadId: string): boolean;
}

export function stage1Table(
  db: Database,
  { jobs, refused }: { readonly jobs: JobTable; readonly refused: RefusedThreads },
): Stage1Table {
  const stored = db.prepare<[string, string], Stage1Output>(
    `select ${COLUMNS} from stage1_outputs where space = ? and thread_id = ?`,
  );
  const put = db.prepare(
    `insert into stage1_outputs (space, thread_id, source_updated_at, raw_memory, rollout_summary, generated_at,
       rollout_slug, rollout_path, cwd, git_branch, accepted)
     values (@space, @threadId, @sourceUpdatedAt, @rawMemory, @rolloutSummary, @generatedAt,
       @rolloutSlug, @rolloutPath, @cwd, @gitBranch, 1)
     on conflict (space, thread_id) do update set source_updated_at = excluded.source_updated_at,
       raw_memory = excluded.raw_memory, rollout_summary = excluded.rollout_summary,
       generated_at = excluded.generated_at, rollout_slug = excluded.rollout_slug,
       rollout_path = excluded.rollout_path, cwd = excluded.cwd, git_branch = excluded.git_branch,
       accepted = coalesce(stage1_outputs.accepted, 0) + 1`,
  );
  const remove = db.prepare<[string, string]>("delete from stage1_outputs where space = ? and thread_id = ?");
  return {
    read: (space, threadId) => stored.get(space, threadId),
    put: (space, record) => void put.run({ ...record, space }),
    remove: (space, threadId) => remove.run(space, threadId).changes === 1,
    upsert: (space, records) => {
      const counts = { imported: 0, updated: 0, unchanged: 0, forgotten: 0 };
      let newest: number | null = null;
      for (const record of records) {
        if (refused.has(space, record.threadId)) {
          counts.forgotten += 1;
          continue;
        }
        const change = changeOf(stored.get(space, record.threadId), record);
        counts[change] += 1;
        if (change === "unchanged") continue;
        put.run({ ...record, space });
        newest = Math.max(newest ?? record.sourceUpdatedAt, record.sourceUpdatedAt);
      }
      if (newest !== null) jobs.enqueue(space, newest);
      return counts;
    },
  };
}

function stage1Writes(
  stage1: Stage1Table,
  { jobs, writer }: Pick<Parts, "jobs" | "writer">,
): Pick<MemoryStore, "upsert" | "withdraw"> {
  return {
    upsert: async (space, inputs) => {
      checkSpaceKey(space);
      const { records, redacted } = await acceptRecords(inputs);
      const counts = await writer.write(
        () => stage1.upsert(space, records),
        Math.min(records.length, GROUP_LIMIT),
      );
      return { ...counts, redacted };
    },
    withdraw: async (space, threadId) => {
      checkSpaceKey(space);
      return writer.write(() => {
        const row = stage1.read(space, threadId);
        if (row === undefined || (row.rawMemory === "" && row.rolloutSummary === "")) return "unchanged";
        const sourceUpdatedAt = isStoredTime(row.sourceUpdatedAt) ? row.sourceUpdatedAt + 1 : 1;
        stage1.put(space, { ...row, sourceUpdatedAt, rawMemory: "", rolloutSummary: "" });
        jobs.enqueue(space, sourceUpdatedAt);
        return "withdrawn";
      });
    },
  };
}

/** Rows of other programs that are cleaned and written back at once. */
const CHUNK = 32;

function stage1Reads(
  db: Database,
  { writer, refused }: Pick<Parts, "writer" | "refused">,
): Pick<MemoryStore, "select" | "count" | "setAside" | "removeSetAside" | "spaces"> {
  const select = `select ${COLUMNS}, accepted, rowid from stage1_outputs where space = ? and blank = 0`;
  const order = "order by source_updated_at desc, thread_id desc";
  const latest = db.prepare<[string], Row>(`${select} ${order}`);
  const unjudged = db.prepare<[string], Row>(`${select} and accepted is null ${order}`);
  const countAccepted = db
    .prepare<[string, number], number>(
      `select count(*) from stage1_outputs where space = ? and blank = 0 and accepted is not null
       and source_updated_at > ?`,
    )
    .pluck();
  const remove = db.prepare<[number]>("delete from stage1_outputs where rowid = ? and accepted is null");
  const spaces = db.prepare<[], string>("select distinct space from stage1_outputs order by 1").pluck();
  const cleaned = cleaner(db, writer);

  /** Why no run can use the row; null: it can. */
  function faultOf(space: string, row: Row): Omit<SetAside, "threadId"> | null {
    if (row.accepted !== null) return null;
    const verdict = judgeRecord(row, "camel", "snake");
    if (!("record" in verdict)) return verdict;
    // A record may give its time as text; a table that is ordered by it holds numbers.
    if (typeof row.sourceUpdatedAt !== "number" || typeof row.generatedAt !== "number") {
      return {
        code: "wrong_type",
        message: "source_updated_at and generated_at must be whole Unix seconds.",
      };
    }
    if (!refused.has(space, row.threadId)) return null;
    return { code: "forgotten", message: "The thread was purged, and another program wrote it again." };
  }

  function faulty(space: string): readonly (SetAside & { readonly rowid: number })[] {
    return unjudged.all(space).flatMap((row) => {
      const fault = faultOf(space, row);
      return fault === null ? [] : [{ ...fault, threadId: String(row.threadId), rowid: row.rowid }];
    });
  }

  return {
    select: async (space, limit) => {
      const rows = await writer.read(() => {
        const chosen: Row[] = [];
        if (limit <= 0) return chosen;
        for (const row of latest.iterate(space)) {
          if (faultOf(space, row) === null) chosen.push(row);
          if (chosen.length === limit) break;
        }
        return chosen;
      });
      const foreign = await cleaned(rows.filter(({ accepted }) => accepted === null));
      return rows.map((row) => foreign.get(row.rowid) ?? outputOf(row));
    },
    count: (space, newerThan = 0) =>
      writer.read(() => {
        const foreign = unjudged.all(space).filter((row) => faultOf(space, row) === null);
        const newer = foreign.filter(({ sourceUpdatedAt }) => sourceUpdatedAt > newerThan);
        return (countAccepted.get(space, newerThan) ?? 0) + newer.length;
      }),
    setAside: (space) => writer.read(() => faulty(space).map(({ rowid: _, ...fault }) => fault)),
    removeSetAside: (space) =>
      writer.write(() => {
        const rows = faulty(space);
        for (const { rowid } of rows) remove.run(rowid);
        return rows.length;
      }),
    spaces: () => writer.read(() => spaces.all()),
  };
}

/** Makes rows of other programs what the import would have stored, and writes that back; by row id. */
function cleaner(db: Database, writer: Writer) {
  // Only where the row is still the one that was cleaned.
  const accept = db.prepare(
    `update stage1_outputs set raw_memory = @rawMemory, rollout_summary = @rolloutSummary, accepted = 1
     where rowid = @rowid and accepted is null and source_updated_at is @sourceUpdatedAt
       and raw_memory is @foreignRaw and rollout_summary is @foreignSummary`,
  );
  return async (rows: readonly Row[]): Promise<ReadonlyMap<number, Stage1Output>> => {
    const cleaned = new Map<number, Stage1Output>();
    for (let from = 0; from < rows.length; from += CHUNK) {
      const changes: (Stage1Output & Record<string, unknown>)[] = [];
      for (const row of rows.slice(from, from + CHUNK)) {
        const { record } = await cleanRecord(outputOf(row));
        cleaned.set(row.rowid, record);
        changes.push({
          ...record,
          rowid: row.rowid,
          foreignRaw: row.rawMemory,
          foreignSummary: row.rolloutSummary,
        });
      }
      await writer.write(() => {
        for (const change of changes) accept.run(change);
      }, changes.length);
    }
    return cleaned;
  };
}

function outputOf({ accepted: _, rowid: __, ...output }: Row): Stage1Output {
  return output;
}

/** How much text goes into one commit: about two milliseconds. */
const CHUNK_BYTES = 1 << 20;

/** How many inputs are read at once: a millisecond or two. */
const PAGE = 64;

type InputRow = Omit<Stage1Output, "rawMemory" | "rolloutSummary"> & {
  readonly position: number;
  readonly rawMemory: Uint8Array;
  readonly rolloutSummary: Uint8Array;
};

/**
 * What a run consolidates, kept for its replays. A version of an input is one row however many runs name it; the run
 * keeps the list of ids. Thousands of long texts are read and written in chunks, so that heartbeats get their turn.
 * Written are first the texts, which mean nothing until a row names them, and then the rows and the list at once.
 */
function recordedInputs(
  db: Database,
  blobs: BlobTable,
  { write, read }: Writer,
): Pick<MemoryStore, "recordInputs" | "inputsOf"> {
  const isRecorded = db.prepare<[string], number>("select 1 from run_input_lists where run = ?").pluck();
  const spaceOf = db.prepare<[string], string>("select space from runs where id = ?").pluck();
  const known = db
    .prepare<object, number>(
      `update recorded_inputs set last_run = max(last_run, @run)
       where space = @space and thread_id = @threadId and source_updated_at = @sourceUpdatedAt
         and raw_memory = @rawHash and rollout_summary = @summaryHash and generated_at = @generatedAt
         and rollout_slug is @rolloutSlug and rollout_path = @rolloutPath and cwd = @cwd and git_branch is @gitBranch
       returning id`,
    )
    .pluck();
  const insert = db.prepare<object>(
    `insert into recorded_inputs (space, thread_id, source_updated_at, raw_memory, rollout_summary, generated_at,
       rollout_slug, rollout_path, cwd, git_branch, last_run)
     values (@space, @threadId, @sourceUpdatedAt, @rawHash, @summaryHash, @generatedAt,
       @rolloutSlug, @rolloutPath, @cwd, @gitBranch, @run)`,
  );
  const insertList = db.prepare<[string, string, string]>(
    "insert into run_input_lists (run, space, inputs) values (?, ?, ?)",
  );
  const select = db.prepare<[string, number, number], InputRow>(
    `select list.key as position, thread_id as threadId, source_updated_at as sourceUpdatedAt,
       raw.bytes as rawMemory, summary.bytes as rolloutSummary, generated_at as generatedAt,
       rollout_slug as rolloutSlug, rollout_path as rolloutPath, cwd, git_branch as gitBranch
     from run_input_lists, json_each(run_input_lists.inputs) list
     join recorded_inputs on recorded_inputs.id = list.value
     join blobs raw on raw.hash = recorded_inputs.raw_memory
     join blobs summary on summary.hash = recorded_inputs.rollout_summary
     where run = ? and list.key > ? order by list.key limit ?`,
  );

  async function keepTexts(outputs: readonly Stage1Output[]): Promise<ReadonlyMap<string, string>> {
    const hashes = new Map<string, string>();
    for (const chunk of inChunks(
      outputs.flatMap(({ rawMemory, rolloutSummary }) => [rawMemory, rolloutSummary]),
    )) {
      const texts = chunk.map((text) => [hashOfText(text), text] as const);
      for (const [hash, text] of texts) hashes.set(text, hash);
      const missing = await read(() => new Set(blobs.missing(texts.map(([hash]) => hash))));
      const fresh = texts.filter(([hash]) => missing.has(hash));
      // Hashing takes as long as writing: a chunk that was there already also makes way for others.
      if (fresh.length === 0) {
        await nextTurn();
        continue;
      }
      await write(() => {
        for (const [hash, text] of fresh) blobs.put(hash, Buffer.from(text));
      }, GROUP_LIMIT);
    }
    return hashes;
  }

  return {
    recordInputs: async (run, outputs) => {
      if (outputs.length === 0 || (await read(() => isRecorded.get(run) !== undefined))) return;
      const hashes = await keepTexts(outputs);
      await write(
        () => {
          if (isRecorded.get(run) !== undefined) return;
          // A plain actor's run has no row; what it recorded belongs to no space.
          const space = spaceOf.get(run) ?? "";
          const inputs = outputs.map(({ rawMemory, rolloutSummary, ...rest }) => {
            const texts = { rawHash: hashes.get(rawMemory), summaryHash: hashes.get(rolloutSummary) };
            const row = { ...rest, ...texts, run, space };
            return known.get(row) ?? Number(insert.run(row).lastInsertRowid);
          });
          insertList.run(run, space, JSON.stringify(inputs));
        },
        Math.min(outputs.length, GROUP_LIMIT),
      );
    },
    inputsOf: async (run) => {
      const outputs: Stage1Output[] = [];
      for (let after = -1; ; await nextTurn()) {
        const rows = await read(() => select.all(run, after, PAGE));
        for (const { position, rawMemory, rolloutSummary, ...rest } of rows) {
          outputs.push({ ...rest, rawMemory: textOf(rawMemory), rolloutSummary: textOf(rolloutSummary) });
          after = position;
        }
        if (rows.length < PAGE) return outputs;
      }
    },
  };
}

function* inChunks(texts: readonly string[]): Iterable<readonly string[]> {
  let chunk: string[] = [];
  let size = 0;
  for (const text of texts) {
    chunk.push(text);
    size += text.length;
    if (size < CHUNK_BYTES && chunk.length < GROUP_LIMIT) continue;
    yield chunk;
    chunk = [];
    size = 0;
  }
  if (chunk.length > 0) yield chunk;
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
}
