import pMap from "p-map";
import { codeOf } from "../domain/failure.ts";

/**
 * The few operations on files that memory work needs, so that a test can stop the world between any two.
 *
 * A folder is held open, and everything happens relative to it: whoever swaps a folder for a symlink meanwhile
 * leads nobody elsewhere. Names are single path segments. Missing things are values, all else rejects with
 * Node's error, whose message names the real path.
 */
export interface Files {
  /**
   * Never through a symlink in the last segment (one that is to be followed is named with `/.` after it). Rejects with
   * ELOOP or ENOTDIR when it is not a folder.
   */
  open(path: string): Promise<Folder>;
  /** What is at the path itself (`lstat`); null when nothing is. */
  facts(path: string): Promise<Facts | null>;
  /** With all parents; those that exist stay as they are. New ones are private to the user, and on the disk when this resolves. */
  makeFolders(path: string): Promise<void>;
  /** Rejects with EACCES, EPERM or EROFS when things can't be made in this folder. */
  assertWritable(path: string): Promise<void>;
}

export interface Folder {
  /** For messages. Shortened in the middle where it is longer than any path that the system would take. */
  readonly path: string;
  list(): Promise<readonly Entry[]>;
  /** The same one by one, so that a folder of millions of names needs no memory of its own. */
  entries(): AsyncIterable<Entry>;
  facts(name: string): Promise<Facts | null>;
  /** A regular file's bytes, read once. Never follows a symlink, never waits on a FIFO. */
  read(name: string, limit: number): Promise<FileRead>;
  /** Must not exist yet. With `sync` it is on the disk when this resolves. */
  create(name: string, content: Uint8Array, options?: { mode?: number; sync?: boolean }): Promise<void>;
  /** Replaces what is there, atomically; also a symlink itself. */
  rename(from: string, to: string): Promise<void>;
  /** Nothing there is fine. */
  remove(name: string): Promise<void>;
  enter(name: string): Promise<Folder>;
  /** The folder that holds this one by now; it may have been moved since it was entered (compare `identity` of `own`). */
  parent(): Promise<Folder>;
  /** Of this folder, wherever it lies and whatever it is called by now. */
  own(): Facts;
  /** Moves what `name` is, without following it, into another folder of the same file system. Replaces an empty folder there. */
  move(name: string, into: Folder, as: string): Promise<void>;
  /** A path of `name` for one system call, good while this folder is held. */
  address(name: string): string;
  makeFolder(name: string): Promise<void>;
  /** Answers whether it is gone: false when it was not empty. */
  removeFolder(name: string): Promise<boolean>;
  /** Where a symlink says that it leads; it is not followed. */
  readLink(name: string): Promise<string>;
  /** Makes a folder or file readable and writable for us again; an agent may have closed it. A symlink rejects with ELOOP. */
  unlock(name: string): Promise<void>;
  /** Sets the time of the last change of `name` itself, not of what a symlink leads to. */
  setTime(name: string, atMs: number): Promise<void>;
  /** Renames and removals in this folder are on the disk when this resolves. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export type FileKind = "file" | "folder" | "symlink" | "special";

export interface Entry {
  readonly name: string;
  readonly kind: FileKind;
}

export interface Facts {
  readonly kind: FileKind;
  /** Length; a hole counts. */
  readonly bytes: number;
  /** What the disk gave to it, in bytes. */
  readonly allocatedBytes: number;
  /** The same for all hard links of one file. */
  readonly identity: string;
  /** Hard links; more than one means that the bytes have another name somewhere. */
  readonly links: number;
  readonly mode: number;
  /** Unix milliseconds of the last change of its content. */
  readonly changedMs: number;
}

export type FileRead =
  | { readonly kind: "file"; readonly content: Uint8Array; readonly facts: Facts }
  | { readonly kind: "missing" }
  | { readonly kind: "too-large" }
  | { readonly kind: "not-a-file" };

/**
 * Uses the folder at `path` below `folder`, or null when it is missing; every segment without following symlinks.
 * An empty path is `folder` itself.
 */
export async function within<Result>(
  folder: Folder,
  path: string,
  use: (at: Folder | null) => Promise<Result>,
): Promise<Result> {
  if (path === "") return use(folder);
  const [name, rest] = firstSegment(path);
  const next = await entered(folder, name);
  if (next === null) return use(null);
  try {
    return await within(next, rest, use);
  } finally {
    await next.close();
  }
}

/** The same, but missing folders are made; `durably` when they must be on the disk before anything in them is. */
export async function withinMade<Result>(
  folder: Folder,
  path: string,
  use: (at: Folder) => Promise<Result>,
  durably = false,
): Promise<Result> {
  if (path === "") return use(folder);
  const [name, rest] = firstSegment(path);
  const next = (await entered(folder, name)) ?? (await made(folder, name, durably));
  try {
    return await withinMade(next, rest, use, durably);
  } finally {
    await next.close();
  }
}

async function entered(folder: Folder, name: string): Promise<Folder | null> {
  try {
    return await folder.enter(name);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    throw error;
  }
}

async function made(folder: Folder, name: string, durably: boolean): Promise<Folder> {
  await folder.makeFolder(name);
  if (durably) await folder.sync();
  return folder.enter(name);
}

function firstSegment(path: string): readonly [name: string, rest: string] {
  const cut = path.indexOf("/");
  return cut < 0 ? [path, ""] : [path.slice(0, cut), path.slice(cut + 1)];
}

/** `a/b/c.md` → `["a/b", "c.md"]`; the folder of a top-level file is empty. */
export function splitPath(path: string): readonly [folder: string, name: string] {
  const cut = path.lastIndexOf("/");
  return cut < 0 ? ["", path] : [path.slice(0, cut), path.slice(cut + 1)];
}

/** File operations under way at once: enough to keep a disk busy, few enough to leave descriptors to others. */
const CONCURRENCY = 16;

/**
 * Does `work` for all items, at most `limit` at a time, and resolves when all are done. After a failure no new
 * item is begun; it rejects with the first failure once nothing is under way (`p-map` alone would reject while
 * work goes on behind the caller's back).
 */
export async function forEachConcurrent<Item>(
  items: Iterable<Item>,
  work: (item: Item) => Promise<void>,
  limit = CONCURRENCY,
): Promise<void> {
  const failures: unknown[] = [];
  const attempt = async (item: Item) => {
    if (failures.length > 0) return;
    try {
      await work(item);
    } catch (error) {
      failures.push(error);
    }
  };
  await pMap(items, attempt, { concurrency: limit });
  if (failures.length > 0) throw failures[0];
}
