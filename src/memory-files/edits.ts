import {
  changesBetween,
  type FileChanges,
  type Generation,
  type GenerationStore,
  type Manifest,
} from "../domain/generation.ts";
import type { Files } from "../files/folder.ts";
import { inspectRoot } from "./check-root.ts";

/** What a person made of the memory folder since the generation in effect. */
export interface Edits {
  readonly since: Generation;
  readonly before: Manifest;
  readonly after: Manifest;
  readonly changes: FileChanges;
  /** Of a file in the folder, or of the store. */
  blob(hash: string): Promise<Uint8Array | null>;
}

/** Null when there is no generation, the folder can't be read, or a publish is in the middle of it. Changes nothing. */
export async function editsSince(
  { generations, files }: { readonly generations: GenerationStore; readonly files: Files },
  { space, root, homeId }: { readonly space: string; readonly root: string; readonly homeId: string },
): Promise<Edits | null> {
  const head = await generations.current(space);
  if (head === null || (await generations.openJournal(space)) !== null) return null;
  const before = head.manifest;
  const wanted = { home: homeId, space };
  const options = { keep: () => true };
  return inspectRoot(files, root, wanted, options, async (found) => {
    const after = found?.scan.manifest ?? [];
    const contents = new Map(after.map(({ path, hash }) => [hash, found?.scan.kept.get(path)]));
    const blob = async (hash: string) => contents.get(hash) ?? generations.blob(hash);
    return { since: head.generation, before, after, changes: changesBetween(before, after), blob };
  }).catch(() => null);
}
