import { codeOf, SlowwaveError } from "../domain/failure.ts";
import { type Entry, type Files, type Folder, forEachConcurrent } from "./folder.ts";

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
