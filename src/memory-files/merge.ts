import type { Manifest, ManifestEntry } from "../domain/generation.ts";
import { isHostPath } from "./host-files.ts";
import { foldedPath } from "./memory-path.ts";
import { foldersOf } from "./publish-steps.ts";

export interface Merged {
  readonly manifest: Manifest;
  /** Changed on both sides: ours goes into effect, theirs stays in the generation that keeps their edits. */
  readonly conflicts: readonly string[];
}

/**
 * Three-way, by whole files: `base` is what the run started from, `theirs` what a person made of the root
 * meanwhile, `ours` what the run made of it. A file only they changed or deleted stays as they left it. The
 * host's files follow from the inputs and are always ours.
 */
export function merge(base: Manifest, theirs: Manifest, ours: Manifest): Merged {
  const [was, person, run] = [byPath(base), byPath(theirs), byPath(ours)];
  const taken = { ours: [] as ManifestEntry[], theirs: [] as ManifestEntry[] };
  const conflicts: string[] = [];
  for (const path of new Set([...person.keys(), ...run.keys()])) {
    const [old, their, our] = [was.get(path), person.get(path), run.get(path)];
    const theyChanged = their?.hash !== old?.hash;
    const weChanged = our?.hash !== old?.hash || isHostPath(path);
    if (theyChanged && weChanged && their?.hash !== our?.hash) conflicts.push(path);
    const side = theyChanged && !weChanged ? "theirs" : "ours";
    const entry = side === "theirs" ? their : our;
    if (entry !== undefined) taken[side].push(entry);
  }
  const isInTheWay = clashWith(taken.ours);
  const kept = taken.theirs.filter(({ path }) => !isInTheWay(path));
  conflicts.push(...taken.theirs.map(({ path }) => path).filter(isInTheWay));
  const manifest = [...taken.ours, ...kept].sort((a, b) => (a.path < b.path ? -1 : 1));
  return { manifest, conflicts: conflicts.sort() };
}

function byPath(manifest: Manifest): ReadonlyMap<string, ManifestEntry> {
  return new Map(manifest.map((entry) => [entry.path, entry]));
}

/** Whether a file can't be beside these: a folder has its name, or a file that of its folder, or only case differs. */
function clashWith(entries: Manifest): (path: string) => boolean {
  const files = new Set(entries.map(({ path }) => foldedPath(path)));
  const folders = new Set(entries.flatMap(({ path }) => foldersOf(foldedPath(path))));
  return (path) => {
    const folded = foldedPath(path);
    return files.has(folded) || folders.has(folded) || foldersOf(folded).some((folder) => files.has(folder));
  };
}
