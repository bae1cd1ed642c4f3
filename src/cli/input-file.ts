import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { resolve } from "node:path";
import { codeOf, SlowwaveError } from "../domain/failure.ts";
import { isSqlite, TRANSCRIPT_HEAD_BYTES, transcriptIn } from "../internal/import.ts";
import type { World } from "./world.ts";

/**
 * The bytes of `import FILE`, or of stdin for `-`. Refuses at once, by a code, what cannot be JSONL, and the transcript of an
 * agent: each of its lines is JSON, and none is a stage-1 output.
 */
export async function* inputFile(
  name: string,
  world: Pick<World, "cwd" | "stdin">,
): AsyncGenerator<Uint8Array> {
  if (name === "") throw new SlowwaveError("file_not_found", "The file to import has no name.");
  const path = resolve(world.cwd, name);
  const source = name === "-" ? world.stdin : createReadStream(path, { fd: await opened(path) });
  const shown = name === "-" ? "stdin" : path;
  let head: Uint8Array[] | null = [];
  let bytes = 0;
  try {
    for await (const chunk of source) {
      if (head === null) {
        yield chunk;
        continue;
      }
      head.push(chunk);
      bytes += chunk.byteLength;
      if (bytes < TRANSCRIPT_HEAD_BYTES) continue;
      assertStage1(Buffer.concat(head), shown);
      yield* head;
      head = null;
    }
    if (head === null) return;
    assertStage1(Buffer.concat(head), shown);
    yield* head;
  } catch (error) {
    if (error instanceof SlowwaveError) throw error;
    throw unreadable(shown, error);
  }
}

async function opened(path: string): Promise<FileHandle> {
  let file: FileHandle;
  try {
    file = await open(path, "r");
  } catch (error) {
    if (codeOf(error) === "ENOENT") {
      throw new SlowwaveError("file_not_found", `There is no file ${path}; check the path.`);
    }
    throw unreadable(path, error);
  }
  if ((await file.stat()).isDirectory()) {
    await file.close();
    throw new SlowwaveError("file_is_a_folder", `${path} is a folder; name a JSONL file in it.`);
  }
  return file;
}

/** What packed and UTF-16 files begin with. */
const BEGINNINGS: readonly (readonly [what: string, bytes: readonly number[]])[] = [
  ["gzip", [0x1f, 0x8b]],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
  ["zip", [0x50, 0x4b, 0x03, 0x04]],
  ["bzip2", [0x42, 0x5a, 0x68]],
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a]],
];
const UTF_16 = [
  [0xff, 0xfe],
  [0xfe, 0xff],
];

const OPENING_BRACE = 0x7b;

function assertStage1(head: Uint8Array, shown: string): void {
  const agent = transcriptIn(head);
  if (agent !== null) {
    throw new SlowwaveError(
      "input_transcript",
      `${shown} is a transcript of ${agent}, and Slowwave takes stage-1 outputs: what a session taught, one JSON object a line with thread_id, source_updated_at, raw_memory and rollout_summary; docs/input-format.md describes them. Nothing was imported.`,
    );
  }
  const begins = (bytes: readonly number[]) => bytes.every((byte, at) => head[at] === byte);
  const packed = BEGINNINGS.find(([, bytes]) => begins(bytes));
  if (packed !== undefined) {
    throw new SlowwaveError(
      "file_packed",
      `${shown} is packed (${packed[0]}); unpack it first, for example: ${packed[0] === "gzip" ? "gunzip -c FILE" : "… "} | slowwave import -`,
    );
  }
  if (UTF_16.some(begins)) {
    throw new SlowwaveError("file_not_utf8", `${shown} is UTF-16; save it as UTF-8.`);
  }
  if (isSqlite(head)) {
    throw new SlowwaveError("file_binary", `${shown} is a SQLite database; JSONL is text.`);
  }
  // A NUL within JSONL is told by the line it is in.
  if (head[0] !== OPENING_BRACE && head.subarray(0, 1024).includes(0)) {
    throw new SlowwaveError("file_binary", `${shown} is a binary file; JSONL is text.`);
  }
}

function unreadable(shown: string, cause: unknown): SlowwaveError {
  return new SlowwaveError("file_unreadable", `${shown} cannot be read; check its permissions.`, { cause });
}
