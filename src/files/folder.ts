import pMap from "p-map";
import { codeOf, SlowwaveError } from "../domain/failure.ts";

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

/** One thing in a tree, and the folder that holds it: good until the next one is asked for. */
export interface Visit {
  readonly folder: Folder;
  readonly entry: Entry;
}

/** A folder above the one that is held: how to know it again, and what is still to be entered in it. */
interface Level {
  readonly identity: string;
  readonly folders: string[];
}

/**
 * Everything below a folder, however deep, without following a symlink. A folder is told before what is in it.
 *
 * Of a tree two folders are held at a time, the root and the one that is looked at. The way back leads through the
 * folder above, which is compared with the one that was left: where somebody moved the tree meanwhile, the walk goes
 * on from the root. Things that vanish meanwhile are as if they had never been there; folders that can't be entered
 * are told and left out, unless `unlock` opens them (they must be ours).
 */
export async function* walkTree(
  root: Folder,
  { unlock = false }: { readonly unlock?: boolean } = {},
): AsyncGenerator<Visit> {
  const levels: Level[] = [];
  let at = root;
  try {
    levels.push(yield* look(at));
    for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
      const name = level.folders.pop();
      const inner = name === undefined ? null : await enter(at, name, unlock);
      if (inner !== null) {
        if (at !== root) await at.close();
        at = inner;
        levels.push(yield* look(at));
      } else if (name === undefined) {
        levels.pop();
        at = await leave(at, root, levels);
      }
    }
  } finally {
    if (at !== root) await at.close();
  }
}

async function* look(folder: Folder): AsyncGenerator<Visit, Level> {
  const level: Level = { identity: folder.own().identity, folders: [] };
  for await (const entry of folder.entries()) {
    if (entry.kind === "folder") level.folders.push(entry.name);
    yield { folder, entry };
  }
  return level;
}

async function enter(folder: Folder, name: string, unlock: boolean): Promise<Folder | null> {
  const attempt = () => folder.enter(name);
  try {
    return await attempt().catch(async (error: unknown) => {
      if (!unlock || codeOf(error) !== "EACCES") throw error;
      await folder.unlock(name);
      return attempt();
    });
  } catch (error) {
    if (["ENOENT", "ELOOP", "ENOTDIR", "EACCES", "EPERM"].includes(codeOf(error) ?? "")) return null;
    throw error;
  }
}

/** The folder above, when it is still the one that the walk came from; else the root, with what is left to do there. */
async function leave(folder: Folder, root: Folder, levels: Level[]): Promise<Folder> {
  if (folder === root) return root;
  if (levels.length > 1) {
    const above = await folder.parent().catch(() => null);
    if (above !== null && above.own().identity === levels.at(-1)?.identity) {
      await folder.close();
      return above;
    }
    await above?.close();
  }
  levels.length = 1;
  await folder.close();
  return root;
}

/** What a tree takes from the disk. */
export interface TreeSize {
  /** As the disk gave them: holes don't count, a small file counts as a whole block, hard links of one file once. */
  readonly bytes: number;
  /** Files, folders and everything else that has a name below the top. */
  readonly files: number;
}

/**
 * How much lies below a folder, at any depth, also in folders that an agent closed to us (they are opened again).
 * Symlinks are counted, never followed. With `enough` it stops as soon as the tree is larger than that.
 */
export async function measureTree(
  root: Folder,
  { enough }: { readonly enough?: TreeSize } = {},
): Promise<TreeSize> {
  const linked = new Set<string>();
  let [bytes, files] = [0, 0];
  for await (const { folder, entry } of walkTree(root, { unlock: true })) {
    files += 1;
    const facts = await folder.facts(entry.name).catch(() => null);
    const isCounted = facts === null || facts.kind === "folder" || linked.has(facts.identity);
    if (facts !== null && facts.links > 1 && facts.kind !== "folder") linked.add(facts.identity);
    if (!isCounted) bytes += facts.allocatedBytes;
    if (enough !== undefined && (bytes > enough.bytes || files > enough.files)) break;
  }
  return { bytes, files };
}

/** Names taken from one folder at a time: a folder of millions is removed in portions. */
const PORTION = 4_096;
/** Looks at the tree after it was emptied; each finds what somebody added meanwhile. */
const MOST_LOOKS = 100;
/** Folders of one tree. Whoever makes them faster than this removes them must be ended first. */
const MOST_FOLDERS = 1_000_000;
/** Begins the name that a folder gets when it is moved up. */
const MOVED = ".removed-";

/**
 * Removes what lies at `path`, with everything below it, as `removeTree` does. Folders above it may be reached
 * through symlinks; the thing itself is never followed. Nothing there is fine.
 */
export async function removePath(files: Pick<Files, "open">, path: string): Promise<void> {
  const cut = path.lastIndexOf("/");
  let above: Folder;
  try {
    // The dot makes the folder above a middle of the path, where a link is followed.
    above = await files.open(`${path.slice(0, cut)}/.`);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return;
    throw error;
  }
  try {
    await removeTree(above, path.slice(cut + 1));
  } finally {
    await above.close();
  }
}

/**
 * Removes what `name` is, with everything below it, however deep; symlinks are removed, never followed, also where
 * one is put in a folder's place meanwhile. Nothing there is fine. Rejects with `tree_busy` while somebody goes on
 * filling the tree.
 *
 * Every folder is moved up to the top of the tree before it is emptied, so that two held folders are enough for any
 * depth, and no path grows longer than the one of the tree:
 *
 *   top/a/b/c  →  top/b, top/a (empty, removed)  →  top/c, top/b (empty, removed)  →  …
 */
export async function removeTree(folder: Folder, name: string): Promise<void> {
  for (let look = 0; look < MOST_LOOKS; look += 1) {
    const facts = await folder.facts(name);
    if (facts === null) return;
    const top = facts.kind === "folder" ? await enterOwn(folder, name) : null;
    if (top === null) {
      await removeFile(folder, name);
      continue;
    }
    try {
      await emptyTree(top);
    } finally {
      await top.close();
    }
    if (await removeEmptied(folder, name)) return;
  }
  throw busy(folder, name);
}

async function emptyTree(top: Folder): Promise<void> {
  const taken = new Set<string>();
  const waiting = await emptyFolder(top, async (name) => {
    if (name.startsWith(MOVED)) taken.add(name);
    return name;
  });
  let moved = 0;
  const moveUp = async (from: Folder, child: string) => {
    let as: string;
    do {
      moved += 1;
      as = `${MOVED}${moved}`;
    } while (taken.has(as));
    if (moved > MOST_FOLDERS) throw busy(top, child);
    return (await moveOwn(from, child, top, as)) ? as : null;
  };
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const inner = await enterOwn(top, name);
    if (inner === null) {
      await removeFile(top, name);
      continue;
    }
    try {
      waiting.push(...(await emptyFolder(inner, (child) => moveUp(inner, child))));
    } finally {
      await inner.close();
    }
    // What was added since stays until the next look.
    await removeEmptied(top, name);
  }
}

/** Removes what is no folder, and answers with the names that `keep` gives to the folders, which stay; null gives none. */
async function emptyFolder(
  folder: Folder,
  keep: (name: string) => Promise<string | null>,
): Promise<string[]> {
  const folders: string[] = [];
  for await (const portion of portionsOf(folder)) {
    const [inner, others] = [true, false].map((is) =>
      portion.filter(({ kind }) => (kind === "folder") === is),
    );
    await forEachConcurrent(others ?? [], ({ name }) => removeFile(folder, name));
    for (const { name } of inner ?? []) {
      const kept = await keep(name);
      if (kept !== null) folders.push(kept);
    }
  }
  return folders;
}

async function* portionsOf(folder: Folder): AsyncGenerator<readonly Entry[]> {
  let portion: Entry[] = [];
  for await (const entry of folder.entries()) {
    portion.push(entry);
    if (portion.length < PORTION) continue;
    yield portion;
    portion = [];
  }
  if (portion.length > 0) yield portion;
}

/** Whether it was moved. False: it is gone, or another thing is in its place or has that name; the next look decides. */
async function moveOwn(from: Folder, name: string, top: Folder, as: string): Promise<boolean> {
  const attempt = () => from.move(name, top, as);
  try {
    await attempt().catch(async (error: unknown) => {
      if (!isDenied(error)) throw error;
      // To leave its parent a folder must be ours to write.
      await from.unlock(name);
      await attempt();
    });
    return true;
  } catch (error) {
    if (isSwapped(error) || ["ENOTEMPTY", "EEXIST", "EISDIR"].includes(codeOf(error) ?? "")) return false;
    throw error;
  }
}

/** An agent may have taken our rights on its folders away; they are still ours. Null when it is no folder. */
async function enterOwn(folder: Folder, name: string): Promise<Folder | null> {
  try {
    const inner = await folder.enter(name).catch((error: unknown) => {
      if (isDenied(error)) return null;
      throw error;
    });
    if (inner !== null && (inner.own().mode & 0o700) === 0o700) return inner;
    await inner?.close();
    await folder.unlock(name);
    return await folder.enter(name);
  } catch (error) {
    if (isSwapped(error)) return null;
    throw error;
  }
}

/** A folder that somebody put in the file's place stays until the next look. */
async function removeFile(folder: Folder, name: string): Promise<void> {
  try {
    await folder.remove(name);
  } catch (error) {
    if (codeOf(error) === "EISDIR") return;
    // Outside Linux the same, but also what can't be removed at all.
    if (!isDenied(error) || (await folder.facts(name))?.kind !== "folder") throw error;
  }
}

async function removeEmptied(folder: Folder, name: string): Promise<boolean> {
  try {
    return await folder.removeFolder(name);
  } catch (error) {
    if (isSwapped(error)) return false;
    throw error;
  }
}

function isDenied(error: unknown): boolean {
  return ["EACCES", "EPERM"].includes(codeOf(error) ?? "");
}

function isSwapped(error: unknown): boolean {
  return ["ELOOP", "ENOTDIR", "ENOENT"].includes(codeOf(error) ?? "");
}

function busy(folder: Folder, name: string): SlowwaveError {
  return new SlowwaveError(
    "tree_busy",
    `Something goes on writing below ${folder.path}/${name}; end it, then run \`slowwave recover\`.`,
  );
}
