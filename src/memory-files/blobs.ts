import { SlowwaveError } from "../domain/failure.ts";
import type { Manifest } from "../domain/generation.ts";
import { forEachConcurrent } from "../files/concurrency.ts";
import { type Folder, splitPath, within } from "../files/folder.ts";
import { pathText } from "../text/sanitize.ts";
import { contentHash } from "./content-hash.ts";
import { SCAN_LIMITS } from "./scan.ts";
import { unsoundBlobs } from "./stored-blob.ts";
import type { RootBench } from "./workbench.ts";

/**
 * The contents of `manifest` that the store doesn't hold yet, read from `source`; of what is not `there` already, also
 * those whose stored bytes are damaged. Only bytes with the expected hash are taken: what was verified is what is
 * stored. Rejects with `content_changed` when a file is no longer what it was.
 */
export async function missingBlobs(
  store: Pick<RootBench["store"], "generations">,
  manifest: Manifest,
  source: Folder,
  there: Manifest = manifest,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const missing = new Set(await store.generations.missing(manifest.map(({ hash }) => hash)));
  const known = new Set(there.map(({ hash }) => hash));
  const stored = manifest.filter(({ hash }) => !missing.has(hash) && !known.has(hash));
  const unsound = await unsoundBlobs(
    store.generations,
    stored.map(({ hash }) => hash),
  );
  for (const hash of unsound) missing.add(hash);
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
