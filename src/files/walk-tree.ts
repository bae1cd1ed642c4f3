import { codeOf } from "../domain/failure.ts";
import type { Entry, Folder } from "./folder.ts";

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
