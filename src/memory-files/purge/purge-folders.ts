import { codeOf } from "../../domain/failure.ts";
import type { Files, Folder } from "../../files/folder.ts";
import { removeTree, type Visit, walkTree } from "../../files/tree.ts";
import type { Traces } from "./traces.ts";

/** A larger file can't be searched: the run that left it is removed. */
const MAX_SEARCHED_BYTES = 64 * 1024 ** 2;

/** Removes every run's folder in which anything of the thread is found, but for runs that live. Returns how many. */
export async function purgeFolders(
  files: Pick<Files, "open">,
  parent: string,
  traces: Traces,
  isAlive: (run: string) => Promise<boolean>,
): Promise<number> {
  let count = 0;
  const runs = await files.open(`${parent}/.`).catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") return null;
    throw error;
  });
  try {
    for (const entry of (await runs?.list()) ?? []) {
      if (runs === null || !(await holdsTraces(runs, entry, traces)) || (await isAlive(entry.name))) continue;
      await removeTree(runs, entry.name);
      count += 1;
    }
  } finally {
    await runs?.close();
  }
  return count;
}

async function holdsTraces(runs: Folder, entry: Visit["entry"], traces: Traces): Promise<boolean> {
  if (await namesTraces({ folder: runs, entry }, traces)) return true;
  if (entry.kind !== "folder") return false;
  // An agent may have closed its own folders to everyone, us included.
  await runs.unlock(entry.name);
  const run = await runs.enter(entry.name);
  try {
    for await (const visit of walkTree(run, { unlock: true })) {
      if (await namesTraces(visit, traces)) return true;
    }
    return false;
  } finally {
    await run.close();
  }
}

/** By its name, by its text, or by where it leads: what a symlink leads to is not ours. */
async function namesTraces({ folder, entry: { name, kind } }: Visit, traces: Traces): Promise<boolean> {
  if (traces.hits(name)) return true;
  if (kind === "symlink") return traces.hits(await folder.readLink(name));
  if (kind !== "file") return false;
  await folder.unlock(name);
  const read = await folder.read(name, MAX_SEARCHED_BYTES);
  if (read.kind === "file") return isIn(Buffer.from(read.content).toString("utf8"), traces);
  return read.kind === "too-large";
}

/** As it stands, and for lines of JSON as the texts in them: there a line break is two characters. */
function isIn(text: string, traces: Traces): boolean {
  return (
    traces.hits(text, "possible") ||
    text.split("\n").some((line) => textsOf(line).some((part) => traces.hits(part, "possible")))
  );
}

function textsOf(line: string): readonly string[] {
  const texts: string[] = [];
  if (!/^\s*[{["]/.test(line)) return texts;
  try {
    JSON.parse(line, (key, value: unknown) => {
      texts.push(key, ...(typeof value === "string" ? [value] : []));
    });
  } catch {
    // No JSON; it was looked at as it stands.
  }
  return texts;
}
