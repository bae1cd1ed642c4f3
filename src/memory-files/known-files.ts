import type { Generation, Manifest, ManifestEntry } from "../domain/generation.ts";
import type { Store } from "../domain/ports.ts";

interface Version {
  readonly generation: Pick<Generation, "id" | "space">;
}

const SEARCHED = 1_000;

/** The files of every generation after `since`, up to the one in effect. */
export async function newerThan(
  { generations }: Pick<Store, "generations">,
  since: Version,
  head: Version,
): Promise<readonly Manifest[]> {
  if (since.generation.id === head.generation.id) return [];
  const manifests: Manifest[] = [];
  for (const { id } of await generations.list(head.generation.space, SEARCHED)) {
    if (id === since.generation.id) break;
    manifests.push((await generations.manifest(id)) ?? []);
  }
  return manifests;
}

/** A file that is what a later generation made of it is no edit: whoever wrote it there was killed before the rest was written. */
export function withoutKnown(actual: Manifest, since: Manifest, newer: readonly Manifest[]): Manifest {
  const [now, then] = [byPath(actual), byPath(since)];
  const later = newer.map(byPath);
  const theirs: ManifestEntry[] = [];
  for (const path of new Set([...now.keys(), ...then.keys()])) {
    const [is, was] = [now.get(path), then.get(path)];
    const isKnown = later.some((files) => files.get(path)?.hash === is?.hash);
    const entry = is?.hash !== was?.hash && isKnown ? was : is;
    if (entry !== undefined) theirs.push(entry);
  }
  return theirs.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function byPath(manifest: Manifest): ReadonlyMap<string, ManifestEntry> {
  return new Map(manifest.map((entry) => [entry.path, entry]));
}
