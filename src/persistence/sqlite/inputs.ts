import { createHash } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Database } from "better-sqlite3";
import type { MemoryStore, Stage1Output } from "../../domain/memory.ts";
import type { BlobTable } from "./blob-table.ts";
import { GROUP_LIMIT, type Writer } from "./writer.ts";

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
export function recordedInputs(
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
      const texts = chunk.map((text) => [hashOf(text), text] as const);
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

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
}
