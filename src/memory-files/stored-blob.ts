import { SlowwaveError } from "../domain/failure.ts";
import type { GenerationStore } from "../domain/ports.ts";
import { pathText } from "../text/sanitize.ts";
import { contentHash } from "./content-hash.ts";

type Blobs = Pick<GenerationStore, "blob">;

/** The bytes of this name if they are what it says; null when they are not, or not there: a disk may rot. */
export async function soundBlob(generations: Blobs, hash: string): Promise<Uint8Array | null> {
  const content = await generations.blob(hash);
  return content !== null && (await contentHash(content)) === hash ? content : null;
}

/** Those of these that the store can't give back. */
export async function unsoundBlobs(
  generations: Blobs,
  hashes: Iterable<string>,
): Promise<ReadonlySet<string>> {
  const unsound = new Set<string>();
  for (const hash of new Set(hashes)) {
    if ((await soundBlob(generations, hash)) === null) unsound.add(hash);
  }
  return unsound;
}

/** Rejects with `blob_damaged`: what is not what it was is never laid before an agent or a reader. */
export async function storedBlob(
  { generations }: { readonly generations: Blobs },
  { path, hash }: { readonly path: string; readonly hash: string },
): Promise<Uint8Array> {
  const content = await soundBlob(generations, hash);
  if (content === null) throw damaged(path);
  return content;
}

export function damaged(path: string): SlowwaveError {
  return new SlowwaveError(
    "blob_damaged",
    `The stored copy of ${pathText(path)} is damaged or missing; \`slowwave doctor\` names all that are, and \`slowwave rollback N\` restores a generation that is whole.`,
  );
}
