import { chmod, readdir, readFile, readlink, rm } from "node:fs/promises";
import { join } from "node:path";
import { codeOf } from "../../domain/failure.ts";
import type { Traces } from "./traces.ts";

/** Removes every run's folder in which anything of the thread is found, but for runs that live. Returns how many. */
export async function purgeFolders(
  parent: string,
  traces: Traces,
  isAlive: (run: string) => Promise<boolean>,
): Promise<number> {
  let count = 0;
  for (const entry of await entriesOf(parent)) {
    if (!(await holds(parent, entry, traces)) || (await isAlive(entry.name))) continue;
    await rm(join(parent, entry.name), { recursive: true, force: true });
    count += 1;
  }
  return count;
}

type Entry = Awaited<ReturnType<typeof entriesOf>>[number];

async function holds(folder: string, entry: Entry, traces: Traces): Promise<boolean> {
  const path = join(folder, entry.name);
  if (traces.hits(entry.name)) return true;
  // What a symlink leads to is not ours, but where it leads is said by its text.
  if (entry.isSymbolicLink()) return traces.hits(await readlink(path));
  if (entry.isFile()) return isIn(await read(path), traces);
  if (!entry.isDirectory()) return false;
  await chmod(path, 0o700).catch(() => {});
  for (const inner of await entriesOf(path)) if (await holds(path, inner, traces)) return true;
  return false;
}

/** An agent may have closed its own files to everyone, us included. */
async function read(path: string): Promise<string> {
  await chmod(path, 0o600).catch(() => {});
  return readFile(path, "utf8");
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

async function entriesOf(folder: string) {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  }
}
