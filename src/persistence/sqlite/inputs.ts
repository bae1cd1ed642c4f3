import { createHash } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Database } from "better-sqlite3";
import type { Stage1Output } from "../../domain/memory.ts";
import type { MemoryStore } from "../../domain/ports.ts";
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
 * What a run consolidates, kept for its replays. Thousands of long texts are read and written in chunks, so that
 * heartbeats get their turn. Written are first the texts, which mean nothing until a row names them, and then all rows
 * at once; they never change.
 */
export function recordedInputs(
  db: Database,
  blobs: BlobTable,
  { write, read }: Writer,
): Pick<MemoryStore, "recordInputs" | "inputsOf"> {
  const isRecorded = db.prepare<[string], number>("select 1 from run_inputs where run = ? limit 1").pluck();
  const insert = db.prepare(
    `insert into run_inputs (run, position, thread_id, source_updated_at, raw_memory, rollout_summary, generated_at,
       rollout_slug, rollout_path, cwd, git_branch)
     values (@run, @position, @threadId, @sourceUpdatedAt, @rawHash, @summaryHash, @generatedAt,
       @rolloutSlug, @rolloutPath, @cwd, @gitBranch)`,
  );
  const select = db.prepare<[string, number, number], InputRow>(
    `select position, thread_id as threadId, source_updated_at as sourceUpdatedAt, raw.bytes as rawMemory,
       summary.bytes as rolloutSummary, generated_at as generatedAt, rollout_slug as rolloutSlug,
       rollout_path as rolloutPath, cwd, git_branch as gitBranch
     from run_inputs
     join blobs raw on raw.hash = run_inputs.raw_memory
     join blobs summary on summary.hash = run_inputs.rollout_summary
     where run = ? and position > ? order by position limit ?`,
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
      if (await read(() => isRecorded.get(run) !== undefined)) return;
      const hashes = await keepTexts(outputs);
      await write(
        () => {
          if (isRecorded.get(run) !== undefined) return;
          for (const [position, output] of outputs.entries()) {
            const { rawMemory, rolloutSummary, ...rest } = output;
            const texts = { rawHash: hashes.get(rawMemory), summaryHash: hashes.get(rolloutSummary) };
            insert.run({ ...rest, ...texts, run, position });
          }
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
