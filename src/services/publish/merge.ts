import type { Manifest, ManifestEntry } from "../../domain/generation.ts";
import { isHostPath } from "../artifacts/host-files.ts";

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
  const manifest: ManifestEntry[] = [];
  const conflicts: string[] = [];
  for (const path of [...new Set([...person.keys(), ...run.keys()])].sort()) {
    const [old, their, our] = [was.get(path), person.get(path), run.get(path)];
    const theyChanged = their?.hash !== old?.hash;
    const weChanged = our?.hash !== old?.hash || isHostPath(path);
    if (theyChanged && weChanged && their?.hash !== our?.hash) conflicts.push(path);
    const taken = theyChanged && !weChanged ? their : our;
    if (taken !== undefined) manifest.push(taken);
  }
  return { manifest, conflicts };
}

function byPath(manifest: Manifest): ReadonlyMap<string, ManifestEntry> {
  return new Map(manifest.map((entry) => [entry.path, entry]));
}
