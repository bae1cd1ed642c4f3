import { codeOf, SlowwaveError } from "../domain/failure.ts";
import { forEachConcurrent } from "./concurrency.ts";
import type { Entry, Files, Folder } from "./folder.ts";

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
