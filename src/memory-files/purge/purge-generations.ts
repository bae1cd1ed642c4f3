import {
  changesBetween,
  type Generation,
  type GenerationStore,
  type HandEdits,
  isUnchanged,
  type Manifest,
} from "../../domain/generation.ts";
import type { Lease } from "../../domain/job.ts";
import { contentHash } from "../blobs.ts";
import { isHostPath } from "../host-files.ts";
import { type EditedMemory, moveMemoryEdits } from "../memory-edits.ts";
import { scrubHostFile, scrubMemory } from "./scrub-memory.ts";
import type { Traces } from "./traces.ts";

export interface ScrubbedManifest {
  readonly manifest: Manifest;
  readonly blobs: ReadonlyMap<string, Uint8Array>;
  /** What of it is still a person's. */
  readonly edits: HandEdits;
  /** Places of which it can't be known whether they come from the thread. */
  readonly undecided: readonly string[];
}

/** Null: nothing of the thread is in the files, and nothing is undecided. */
export type Scrub = (memory: EditedMemory) => Promise<ScrubbedManifest | null>;

/** No file can hold a character that no text has. */
const UNCHANGED = "\u0000";

/** Scrubs whole memories; a file that is no text goes when the thread is named in its bytes. */
export function createScrubber(
  store: Pick<GenerationStore, "blob">,
  threadId: string,
  traces: Traces,
): Scrub {
  // Most files of a memory are summaries, the same in every generation.
  const hostFiles = new Map<string, string | null>();
  return async (memory) => {
    const { manifest, edits } = memory;
    const texts = new Map<string, string>();
    const changed = new Map<string, string | null>();
    const gone = new Set<string>();
    for (const { path, hash } of manifest) {
      const key = `${path}\n${hash}`;
      const known = hostFiles.get(key);
      if (known !== undefined) {
        if (known !== UNCHANGED) changed.set(path, known);
        continue;
      }
      const bytes = await store.blob(hash);
      if (bytes === null) continue;
      const text = decode(bytes);
      if (text !== null && isHostPath(path)) {
        const left = scrubHostFile(path, text, { threadId, traces });
        hostFiles.set(key, left === text ? UNCHANGED : left);
        if (left !== text) changed.set(path, left);
      } else if (text !== null) texts.set(path, text);
      else if (traces.hits(path) || traces.cites(Buffer.from(bytes).toString("latin1"))) gone.add(path);
    }
    const { changed: written, undecided } = scrubMemory(texts, { traces, isOwn: ownLinesOf(edits) });
    for (const [path, text] of written) changed.set(path, text);
    const kept: Manifest[number][] = [];
    const blobs = new Map<string, Uint8Array>();
    for (const entry of manifest) {
      const text = changed.get(entry.path);
      if (gone.has(entry.path) || text === null) continue;
      if (text === undefined) kept.push(entry);
      else {
        const bytes = Buffer.from(text);
        const hash = await contentHash(bytes);
        blobs.set(hash, bytes);
        kept.push({ path: entry.path, hash, bytes: bytes.length });
      }
    }
    if (isUnchanged(changesBetween(manifest, kept)) && undecided.length === 0) return null;
    const read = async (hash: string) => blobs.get(hash) ?? store.blob(hash);
    return { manifest: kept, blobs, undecided, edits: await moveMemoryEdits(memory, kept, read) };
  };
}

function ownLinesOf(edits: HandEdits) {
  return (path: string, line: number) =>
    (edits[path] ?? []).some((edit) => edit.line <= line && line < edit.line + edit.lines);
}

/** The files of a generation and what in them is a person's. */
export async function memoryIn(
  store: Pick<GenerationStore, "manifest" | "read">,
  generation: string,
): Promise<EditedMemory> {
  const manifest = (await store.manifest(generation)) ?? [];
  return { manifest, edits: (await store.read(generation))?.handEdits ?? {} };
}

function decode(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

const MOST = 100_000;

/** Every stored generation of the space but the one in effect, which was published anew already. */
export async function purgeGenerations(
  store: GenerationStore,
  at: { readonly space: string; readonly lease: Lease; readonly nowMs: number; renew(): Promise<void> },
  scrub: Scrub,
): Promise<readonly string[] | "lost"> {
  const rewritten: string[] = [];
  for (const { id } of (await store.list(at.space, MOST)) as readonly Generation[]) {
    const before = await memoryIn(store, id);
    const scrubbed = await scrub(before);
    if (scrubbed === null || isUnchanged(changesBetween(before.manifest, scrubbed.manifest))) continue;
    await at.renew();
    const { manifest, blobs, edits } = scrubbed;
    const files = { manifest, blobs, handEdits: edits };
    const done = await store.rewrite({ lease: at.lease, generation: id, ...files, nowMs: at.nowMs });
    if (done === "lost") return "lost";
    rewritten.push(id);
  }
  return rewritten;
}
