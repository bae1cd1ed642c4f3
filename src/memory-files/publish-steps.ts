import { changesBetween, type JournalStep, type Manifest } from "../domain/generation.ts";

/**
 * What turns a memory root that holds `before` into one that holds `after`, in the order in which every
 * reference a reader follows exists: what is referred to is written before what refers to it, and deleted
 * after it. Unchanged files have no step.
 */
export function publishSteps(before: Manifest, after: Manifest): readonly JournalStep[] {
  const { added, modified, deleted } = changesBetween(before, after);
  const hashes = new Map(after.map(({ path, hash }) => [path, hash]));
  const written = [...added, ...modified];
  const isInTheWay = obstacle(written);
  const write = (path: string): JournalStep => ({ do: "write", path, hash: hashes.get(path) ?? "" });
  const remove = (path: string): JournalStep => ({ do: "delete", path });
  return [
    ...deleted.filter(isInTheWay).map(remove),
    ...written.toSorted(byArea).map(write),
    ...deleted
      .filter((path) => !isInTheWay(path))
      .toSorted((a, b) => byArea(b, a))
      .map(remove),
  ];
}

/** Steps that may be done in any order among themselves; the next ones only when all of these are on the disk. */
export function wavesOf(steps: readonly JournalStep[]): readonly (readonly JournalStep[])[] {
  const waves: JournalStep[][] = [];
  let last = "";
  for (const step of steps) {
    const kind = `${step.do} ${areaOf(step.path)}`;
    if (kind !== last) waves.push([]);
    waves.at(-1)?.push(step);
    last = kind;
  }
  return waves;
}

/** From what is referred to, to what refers to it. */
const AREAS = ["rollout_summaries", "skills", "raw_memories.md", "MEMORY.md", "memory_summary.md"];

function areaOf(path: string): number {
  return AREAS.indexOf(path.split("/", 1)[0] ?? "");
}

function byArea(a: string, b: string): number {
  return areaOf(a) - areaOf(b) || (a < b ? -1 : 1);
}

/** A deleted file where a folder is needed, or below what becomes a file. */
function obstacle(written: readonly string[]): (path: string) => boolean {
  const paths = new Set(written);
  const folders = new Set(written.flatMap(foldersOf));
  return (path) => folders.has(path) || foldersOf(path).some((folder) => paths.has(folder));
}

/** Nearest first. */
export function foldersOf(path: string): readonly string[] {
  const folders: string[] = [];
  for (let cut = path.lastIndexOf("/"); cut > 0; cut = path.lastIndexOf("/", cut - 1)) {
    folders.push(path.slice(0, cut));
  }
  return folders;
}
