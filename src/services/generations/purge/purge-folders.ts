import { chmod, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { codeOf } from "../../../domain/failure.ts";
import type { Traces } from "./traces.ts";

/** Removes every run's folder in which anything of the thread is found, but for runs that live. Returns how many. */
export async function purgeFolders(
  parent: string,
  traces: Traces,
  isAlive: (run: string) => Promise<boolean>,
): Promise<number> {
  let count = 0;
  for (const entry of await entriesOf(parent)) {
    const folder = join(parent, entry.name);
    if (!(await holds(folder, entry.isDirectory(), traces)) || (await isAlive(entry.name))) continue;
    await rm(folder, { recursive: true, force: true });
    count += 1;
  }
  return count;
}

async function holds(path: string, isFolder: boolean, traces: Traces): Promise<boolean> {
  if (!isFolder) return traces.hits((await readFile(path).catch(() => "")).toString());
  await chmod(path, 0o700).catch(() => {});
  for (const entry of await entriesOf(path)) {
    if (traces.cites(entry.name)) return true;
    // A symlink is looked at no further: what it leads to is not ours.
    if (entry.isSymbolicLink()) continue;
    if (
      (entry.isFile() || entry.isDirectory()) &&
      (await holds(join(path, entry.name), entry.isDirectory(), traces))
    )
      return true;
  }
  return false;
}

async function entriesOf(folder: string) {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  }
}
