import type { Clock } from "../domain/clock.ts";
import {
  changesBetween,
  type FileChanges,
  type Generation,
  type GenerationStore,
  type Manifest,
} from "../domain/generation.ts";
import type { Files } from "../files/folder.ts";
import { contentHash } from "./blobs.ts";
import { inspectRoot } from "./check-root.ts";

export interface Integrity {
  readonly generations: number;
  /** Blobs that were read and hashed again. */
  readonly blobs: number;
  /** Blobs there was no time for. */
  readonly left: number;
  /** Not what their name says, or not there: `generation: path`. */
  readonly damaged: readonly string[];
  /** How the memory folder differs from the generation in effect; null when there is none, or the folder can't be read. */
  readonly edits: FileChanges | null;
}

const MOST = 100_000;

/**
 * Reads every generation of a space: is each of its blobs there, of the length the manifest says, and what its hash
 * says? Newest first, until `budgetMs` is used up (null: to the end). Then compares the memory folder with the newest.
 */
export async function inspectGenerations(
  deps: { readonly generations: GenerationStore; readonly files: Files; readonly clock: Clock },
  at: {
    readonly space: string;
    readonly root: string;
    readonly homeId: string;
    readonly budgetMs: number | null;
  },
): Promise<Integrity> {
  const { generations, files, clock } = deps;
  const all = await generations.list(at.space, MOST);
  const sound = new Map<string, boolean>();
  const damaged: string[] = [];
  const sinceMs = clock.monotonicMs();
  const left = new Set<string>();
  for (const { id } of all) {
    for (const { path, hash, bytes } of (await generations.manifest(id)) ?? []) {
      const isOver = at.budgetMs !== null && clock.monotonicMs() - sinceMs > at.budgetMs;
      if (!sound.has(hash) && isOver) {
        left.add(hash);
        continue;
      }
      if (!sound.has(hash)) sound.set(hash, await isSound(generations, hash, bytes));
      if (sound.get(hash) === false) damaged.push(`${id}: ${path}`);
    }
  }
  const edits = (await editsSince({ generations, files }, at))?.changes ?? null;
  return { generations: all.length, blobs: sound.size, left: left.size, damaged, edits };
}

async function isSound(
  generations: Pick<GenerationStore, "blob">,
  hash: string,
  bytes: number,
): Promise<boolean> {
  const content = await generations.blob(hash);
  return content !== null && content.length === bytes && (await contentHash(content)) === hash;
}

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
