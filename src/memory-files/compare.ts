import { structuredPatch } from "diff";
import { changesBetween, type GenerationStore, type Manifest } from "../domain/generation.ts";

export interface FileDiff {
  readonly path: string;
  readonly change: "added" | "modified" | "deleted";
  /** Lines; null when the file is no text, too long, or too different to be told line by line. */
  readonly added: number | null;
  readonly removed: number | null;
  /** Unified, without a file header; null as above. */
  readonly hunks: readonly Hunk[] | null;
}

export interface Hunk {
  /** `@@ -1,3 +1,4 @@` */
  readonly range: string;
  /** Each begins with a space, `+`, `-` or `\`. */
  readonly lines: readonly string[];
}

/** A longer file is named, not compared. */
const LONGEST_BYTES = 2 * 1024 ** 2;
/** Beyond it the comparison itself would take long. */
const MOST_EDITS = 4_000;
const CONTEXT = 3;

/** What differs between two manifests, in the order of the paths. */
export async function compare(
  store: Pick<GenerationStore, "blob">,
  before: Manifest,
  after: Manifest,
): Promise<readonly FileDiff[]> {
  const { added, modified, deleted } = changesBetween(before, after);
  const paths = [
    ...added.map((path) => ({ path, change: "added" as const })),
    ...modified.map((path) => ({ path, change: "modified" as const })),
    ...deleted.map((path) => ({ path, change: "deleted" as const })),
  ].sort((a, b) => (a.path < b.path ? -1 : 1));
  const files: FileDiff[] = [];
  for (const { path, change } of paths) {
    const old = await textOf(store, before, path);
    const now = await textOf(store, after, path);
    files.push({ path, change, ...difference(old, now) });
  }
  return files;
}

/** An absent file is an empty text; null: it can't be compared. */
async function textOf(store: Pick<GenerationStore, "blob">, manifest: Manifest, path: string) {
  const entry = manifest.find((one) => one.path === path);
  if (entry === undefined) return "";
  if (entry.bytes > LONGEST_BYTES) return null;
  const bytes = await store.blob(entry.hash);
  if (bytes === null) return null;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

export function difference(
  old: string | null,
  now: string | null,
): Pick<FileDiff, "added" | "removed" | "hunks"> {
  const unknown = { added: null, removed: null, hunks: null };
  if (old === null || now === null) return unknown;
  const options = { context: CONTEXT, maxEditLength: old === "" || now === "" ? Infinity : MOST_EDITS };
  const patch = structuredPatch("", "", old, now, "", "", options);
  if (patch === undefined) return unknown;
  const lines = patch.hunks.flatMap((hunk) => hunk.lines);
  return {
    added: lines.filter((line) => line.startsWith("+")).length,
    removed: lines.filter((line) => line.startsWith("-")).length,
    hunks: patch.hunks.map((hunk) => ({
      range: `@@ -${place(hunk.oldStart, hunk.oldLines)} +${place(hunk.newStart, hunk.newLines)} @@`,
      lines: hunk.lines,
    })),
  };
}

/** An empty side begins before its first line. */
function place(start: number, lines: number): string {
  return `${lines === 0 ? Math.max(0, start - 1) : start},${lines}`;
}
