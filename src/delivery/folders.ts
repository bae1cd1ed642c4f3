import { lstatSync, readFileSync, realpathSync } from "node:fs";
import { dirname, isAbsolute, join, resolve } from "node:path";

/**
 * Which project a folder belongs to, by names and by git's own files. Loads nothing but Node, since the hook uses it, too.
 */

/** One spelling of a folder: forward slashes, no slash at the end; no case where the system has none. */
export function comparableFolder(folder: string, platform: NodeJS.Platform = process.platform): string {
  const plain = folder.replaceAll("\\", "/").replace(/(?<=.)\/+$/, "");
  return platform === "win32" || platform === "darwin" ? plain.toLowerCase() : plain;
}

/**
 * The entry whose folders hold one of these, the closest first: a folder inside a project's belongs to it, and the
 * deepest project wins. Undefined when none does.
 */
export function closestTo<Entry extends { readonly folders: readonly string[] }>(
  entries: readonly Entry[],
  wanted: readonly string[],
): Entry | undefined {
  for (const folder of wanted.map((one) => `${comparableFolder(one)}/`)) {
    let best: { entry: Entry; length: number } | undefined;
    for (const entry of entries) {
      for (const own of entry.folders) {
        const start = `${comparableFolder(own)}/`;
        // A whole disk is nobody's project.
        if (start.length < 3 || !folder.startsWith(start) || start.length <= (best?.length ?? 0)) continue;
        best = { entry, length: start.length };
      }
    }
    if (best !== undefined) return best.entry;
  }
  return undefined;
}

/**
 * The names by which a folder may be known: as given, where it really is, and for a worktree the checkout it was made
 * from, with the same place inside it. Reads at most one small file of git's.
 */
export function namesOf(folder: string): readonly string[] {
  const names = [folder];
  const real = realFolder(folder);
  if (real !== null) names.push(real);
  const main = mainCheckout(real ?? folder);
  if (main !== null) names.push(main);
  return [...new Set(names)];
}

function realFolder(folder: string): string | null {
  try {
    return realpathSync(folder);
  } catch {
    return null;
  }
}

const MOST_PARENTS = 64;

/** The first `.git` upwards is a file in a worktree; it names a folder in the `.git` of the main checkout. */
function mainCheckout(folder: string): string | null {
  let at = folder;
  for (let step = 0; step < MOST_PARENTS; step += 1) {
    const kind = lstatSync(join(at, ".git"), { throwIfNoEntry: false });
    if (kind?.isFile() === true && kind.size < 4096) return checkoutNamedIn(at, folder.slice(at.length));
    if (kind !== undefined || dirname(at) === at) return null;
    at = dirname(at);
  }
  return null;
}

function checkoutNamedIn(worktree: string, inside: string): string | null {
  try {
    const named = /^gitdir: (.+)$/m.exec(readFileSync(join(worktree, ".git"), "utf8"))?.[1]?.trim();
    if (named === undefined) return null;
    const gitFolder = isAbsolute(named) ? named : resolve(worktree, named);
    const main = /^(.+)[/\\]\.git[/\\]worktrees[/\\][^/\\]+$/.exec(gitFolder)?.[1];
    return main === undefined ? null : `${main}${inside}`;
  } catch {
    return null;
  }
}
