import { changesBetween, type Generation, isUnchanged, type Manifest } from "../../domain/generation.ts";
import type { Lease } from "../../domain/job.ts";
import type { GenerationStore } from "../../domain/ports.ts";
import { contentHash } from "../content-hash.ts";
import { type Scrubbed, scrubFile } from "./scrub-file.ts";
import type { Traces } from "./traces.ts";

export interface ScrubbedManifest {
  readonly manifest: Manifest;
  readonly blobs: ReadonlyMap<string, Uint8Array>;
  /** In some file the thread can't be told apart; that file is left out. */
  readonly untold: boolean;
}

export type Scrub = (manifest: Manifest) => Promise<ScrubbedManifest | null>;

/** The same content is judged once, in however many generations it is. Null: nothing of the thread is in it. */
export function scrubber(store: Pick<GenerationStore, "blob">, threadId: string, traces: Traces): Scrub {
  const known = new Map<string, Scrubbed | "missing">();

  const judged = async (path: string, hash: string): Promise<Scrubbed | "missing"> => {
    const key = `${path}\n${hash}`;
    const earlier = known.get(key);
    if (earlier !== undefined) return earlier;
    const bytes = await store.blob(hash);
    const found = bytes === null ? "missing" : scrubFile(path, bytes, threadId, traces);
    known.set(key, found);
    return found;
  };

  return async (manifest) => {
    const kept: Manifest[number][] = [];
    const blobs = new Map<string, Uint8Array>();
    let untold = false;
    for (const entry of manifest) {
      // A file's name is made of the thread's words too.
      const found = traces.hits(entry.path) ? "gone" : await judged(entry.path, entry.hash);
      if (found === "unchanged" || found === "missing") kept.push(entry);
      else if (found === "untold") untold = true;
      else if (found !== "gone") {
        const bytes = Buffer.from(found.text);
        const hash = await contentHash(bytes);
        blobs.set(hash, bytes);
        kept.push({ path: entry.path, hash, bytes: bytes.length });
      }
    }
    return isUnchanged(changesBetween(manifest, kept)) ? null : { manifest: kept, blobs, untold };
  };
}

const MOST = 100_000;

/** Every stored generation of the space but the one in effect, which was published anew already. */
export async function purgeGenerations(
  store: GenerationStore,
  at: { readonly space: string; readonly lease: Lease; readonly nowMs: number; beat(): Promise<void> },
  scrub: Scrub,
): Promise<{ readonly rewritten: readonly string[]; readonly withdrawn: readonly string[] } | "lost"> {
  const [rewritten, withdrawn]: [string[], string[]] = [[], []];
  for (const { id } of (await store.list(at.space, MOST)) as readonly Generation[]) {
    const scrubbed = await scrub((await store.manifest(id)) ?? []);
    if (scrubbed === null) continue;
    await at.beat();
    const { manifest, blobs, untold } = scrubbed;
    const files = untold ? { manifest: null, blobs: new Map<string, Uint8Array>() } : { manifest, blobs };
    const done = await store.rewrite({ lease: at.lease, generation: id, ...files, nowMs: at.nowMs });
    if (done === "lost") return "lost";
    (untold ? withdrawn : rewritten).push(id);
  }
  return { rewritten, withdrawn };
}
