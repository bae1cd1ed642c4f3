import { lstat, realpath, stat } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";

/**
 * Whether writing to this path writes in the folder: with every link on the way followed, and never through a file
 * that has a second name. What is not there yet is judged by the nearest folder that is. False for the folder itself
 * and for whatever is unclear.
 */
export async function liesInside(folder: string, path: string): Promise<boolean> {
  // Before links are followed, a `..` means something else than after.
  if (path === "" || path.includes("\0") || path.split(sep).includes("..")) return false;
  try {
    const [root, target] = await Promise.all([realpath(folder), landing(resolve(folder, path))]);
    if (target === null) return false;
    const way = relative(root, target);
    return way !== "" && way.split(sep)[0] !== ".." && !isAbsolute(way);
  } catch {
    return false;
  }
}

/** Where a write to this path would land; null for a link to nowhere and for a file with several names. */
async function landing(path: string): Promise<string | null> {
  const rest: string[] = [];
  for (let at = path; ; at = dirname(at)) {
    const real = await realpath(at).catch(orAbsent);
    if (real === null) {
      if ((await lstat(at).catch(orAbsent)) !== null) return null;
      rest.unshift(basename(at));
      continue;
    }
    if (rest.length > 0) return join(real, ...rest);
    const found = await stat(real);
    return found.isFile() && found.nlink > 1 ? null : real;
  }
}

function orAbsent(error: NodeJS.ErrnoException): null {
  if (error.code === "ENOENT") return null;
  throw error;
}
