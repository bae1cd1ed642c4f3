import * as fs from "node:fs";
import { type FileHandle, open, readdir, readlink, realpath } from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import { Readable } from "node:stream";
// As a whole: a name that an older Node does not have would keep the module from loading.
import * as zlib from "node:zlib";
import { codeOf, SlowwaveError } from "../domain/failure.ts";
import { pathText } from "../text/sanitize.ts";
import type { TranscriptFault } from "./reader.ts";

/** A file of an agent, open for reading. */
export interface OpenFile {
  readonly handle: FileHandle;
  readonly bytes: number;
}

const { O_NOFOLLOW = 0, O_NONBLOCK = 0, O_RDONLY } = fs.constants;

/**
 * Opens a file that lies below a root of its agent, is a regular file, and belongs to whoever asks. Neither the file nor
 * a folder between may lead out of the root by a symlink; the root itself may be one, as people keep their settings.
 *
 * @throws SlowwaveError with a `TranscriptFault` as its code
 */
export async function openBelow(root: string, path: string, fileBytes: number): Promise<OpenFile> {
  let handle: FileHandle | null = null;
  try {
    const [realRoot, realFolder] = await Promise.all([realpath(root), realpath(dirname(path))]);
    if (!isBelow(realFolder, realRoot))
      throw fault("session_unreadable", path, "a symlink leads out of its root");
    // Without waiting for the other end, should it be a pipe.
    handle = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const facts = await handle.stat();
    if (!facts.isFile()) throw fault("session_unreadable", path, "it is not a regular file");
    if (process.getuid !== undefined && facts.uid !== process.getuid())
      throw fault("session_unreadable", path, "it belongs to somebody else");
    if (!isBelow(dirname(await realPathOf(handle, path)), realRoot))
      throw fault("session_unreadable", path, "it was replaced while it was opened");
    if (facts.size > fileBytes)
      throw fault(
        "session_too_large",
        path,
        `it has ${megabytes(facts.size)}; at most ${megabytes(fileBytes)} are read`,
      );
    return { handle, bytes: facts.size };
  } catch (error) {
    await handle?.close();
    throw error instanceof SlowwaveError ? error : faultOf(error, path);
  }
}

/** Where the open file lies by now: Linux says it of the descriptor itself, so that nobody can swap a name meanwhile. */
async function realPathOf(handle: FileHandle, path: string): Promise<string> {
  return readlink(`/proc/self/fd/${handle.fd}`).catch(() => realpath(path));
}

function isBelow(path: string, root: string): boolean {
  return path === root || path.startsWith(root.endsWith(sep) ? root : root + sep);
}

const CHUNK = 256 * 1024;

/** The bytes of an open file from `from` to `to`. Each chunk is overwritten by the next one. */
export async function* chunksOf(file: OpenFile, from = 0, to = file.bytes): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.allocUnsafe(Math.max(1, Math.min(CHUNK, to - from)));
  for (let at = from; at < to; ) {
    const { bytesRead } = await file.handle.read(buffer, 0, Math.min(buffer.length, to - at), at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/** The bytes that a file packed with zstd holds, up to `limit` of them: a small file may unfold to any size. */
export async function* unpackedChunks(
  file: OpenFile,
  path: string,
  limit: number,
): AsyncGenerator<Uint8Array> {
  const unpacker = zlib.createZstdDecompress as typeof zlib.createZstdDecompress | undefined;
  if (unpacker === undefined)
    throw fault("session_packed", path, "this Node can't unpack zstd; use 22.15 or newer");
  const unpack = unpacker({ chunkSize: CHUNK });
  // Not a stream of the handle's own: that would close the handle, which is read again.
  const source = Readable.from(copiesOf(chunksOf(file)));
  source.on("error", (error) => unpack.destroy(error));
  let given = 0;
  try {
    for await (const chunk of source.pipe(unpack) as AsyncIterable<Uint8Array>) {
      given += chunk.byteLength;
      if (given > limit)
        throw fault("session_too_large", path, `it unfolds to more than ${megabytes(limit)}`);
      yield chunk;
    }
    if (given === 0 && file.bytes > 0) throw fault("session_unreadable", path, "it is cut off");
  } catch (error) {
    if (error instanceof SlowwaveError) throw error;
    throw fault("session_unreadable", path, "it is not sound zstd", error);
  } finally {
    source.destroy();
    unpack.destroy();
  }
}

async function* copiesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) yield Buffer.from(chunk);
}

/** A small document as a whole, such as the settings of an agent; null when it can't be had. */
export async function smallFile(root: string, path: string, limit = 1024 * 1024): Promise<string | null> {
  try {
    const file = await openBelow(root, path, limit);
    try {
      const { buffer, bytesRead } = await file.handle.read(Buffer.alloc(file.bytes), 0, file.bytes, 0);
      return buffer.toString("utf8", 0, bytesRead);
    } finally {
      await file.handle.close();
    }
  } catch {
    return null;
  }
}

export interface FoundFile {
  readonly path: string;
  readonly name: string;
  readonly bytes: number;
  readonly inode: number;
  readonly changedAt: number;
}

/** The regular files of a folder, with their facts. A folder that is missing or closed to us holds none. */
export async function* filesIn(folder: string): AsyncGenerator<FoundFile> {
  for (const entry of await entriesOf(folder)) {
    if (!entry.isFile()) continue;
    const path = join(folder, entry.name);
    const facts = await fs.promises.lstat(path).catch(() => null);
    if (facts === null || !facts.isFile()) continue;
    yield {
      path,
      name: entry.name,
      bytes: facts.size,
      inode: facts.ino,
      changedAt: Math.trunc(facts.mtimeMs),
    };
  }
}

/** The names of the folders in a folder; a symlink is none. */
export async function foldersIn(folder: string): Promise<readonly string[]> {
  return (await entriesOf(folder)).filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

async function entriesOf(folder: string): Promise<readonly fs.Dirent[]> {
  return readdir(folder, { withFileTypes: true }).catch(() => []);
}

export function fault(code: TranscriptFault, path: string, why: string, cause?: unknown): SlowwaveError {
  return new SlowwaveError(code, `The session in ${pathText(path)} can't be read: ${why}.`, { cause });
}

function faultOf(error: unknown, path: string): SlowwaveError {
  const code = codeOf(error);
  if (code === "ENOENT" || code === "ENOTDIR")
    return fault("session_gone", path, "it is no longer there", error);
  if (code === "ELOOP" || code === "EMLINK")
    return fault("session_unreadable", path, "it is a symlink", error);
  return fault("session_unreadable", path, `the system says ${code ?? "something unknown"}`, error);
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1024 / 1024)} MiB`;
}
