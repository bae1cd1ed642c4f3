import { hash, webcrypto } from "node:crypto";
import { SlowwaveError } from "../domain/failure.ts";
import type { GenerationStore, Manifest } from "../domain/generation.ts";
import { type Folder, forEachConcurrent, splitPath, within } from "../files/folder.ts";
import { pathText } from "../text/sanitize.ts";
import type { RootDeps } from "./deps.ts";
import { SCAN_LIMITS } from "./memory-path.ts";

const LARGE = 256 * 1024;

/** SHA-256 in lower-case hex: what a file is called wherever its content is meant. Large contents are hashed off the main thread. */
export async function contentHash(content: Uint8Array): Promise<string> {
  if (content.length < LARGE) return hash("sha256", content, "hex");
  return Buffer.from(await webcrypto.subtle.digest("SHA-256", content as Uint8Array<ArrayBuffer>)).toString(
    "hex",
  );
}

type Blobs = Pick<GenerationStore, "blob">;

/** The bytes of this name if they are what it says; null when they are not, or not there: a disk may rot. */
export async function verifiedBlob(generations: Blobs, hash: string): Promise<Uint8Array | null> {
  const content = await generations.blob(hash);
  return content !== null && (await contentHash(content)) === hash ? content : null;
}

/** Those of these that the store can't give back. */
export async function corruptBlobs(
  generations: Blobs,
  hashes: Iterable<string>,
): Promise<ReadonlySet<string>> {
  const corrupt = new Set<string>();
  for (const hash of new Set(hashes)) {
    if ((await verifiedBlob(generations, hash)) === null) corrupt.add(hash);
  }
  return corrupt;
}

/** Rejects with `blob_damaged`: what is not what it was is never laid before an agent or a reader. */
export async function storedBlob(
  { generations }: { readonly generations: Blobs },
  { path, hash }: { readonly path: string; readonly hash: string },
): Promise<Uint8Array> {
  const content = await verifiedBlob(generations, hash);
  if (content === null) throw damaged(path);
  return content;
}

export function damaged(path: string): SlowwaveError {
  return new SlowwaveError(
    "blob_damaged",
    `The stored copy of ${pathText(path)} is damaged or missing; \`slowwave doctor\` names all that are, and \`slowwave rollback N\` restores a generation that is whole.`,
  );
}

/**
 * The contents of `manifest` that the store doesn't hold yet, read from `source`; of what is not `there` already, also
 * those whose stored bytes are damaged. Only bytes with the expected hash are taken: what was verified is what is
 * stored. Rejects with `content_changed` when a file is no longer what it was.
 */
export async function missingBlobs(
  store: Pick<RootDeps["store"], "generations">,
  manifest: Manifest,
  source: Folder,
  there: Manifest = manifest,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const missing = new Set(await store.generations.missing(manifest.map(({ hash }) => hash)));
  const known = new Set(there.map(({ hash }) => hash));
  const stored = manifest.filter(({ hash }) => !missing.has(hash) && !known.has(hash));
  const corrupt = await corruptBlobs(
    store.generations,
    stored.map(({ hash }) => hash),
  );
  for (const hash of corrupt) missing.add(hash);
  const blobs = new Map<string, Uint8Array>();
  const wanted = manifest.filter(({ hash }) => missing.has(hash));
  for (const [folder, entries] of Map.groupBy(wanted, ({ path }) => splitPath(path)[0])) {
    await within(source, folder, (at) =>
      forEachConcurrent(entries, async ({ path, hash }) => {
        const read = await at?.read(splitPath(path)[1], SCAN_LIMITS.fileBytes);
        const content = read?.kind === "file" ? read.content : null;
        if (content === null || (await contentHash(content)) !== hash) throw changed(path);
        blobs.set(hash, content);
      }),
    );
  }
  return blobs;
}

function changed(path: string): SlowwaveError {
  return new SlowwaveError(
    "content_changed",
    `${pathText(path)} changed while it was being read; run again when nothing else writes to it.`,
  );
}
