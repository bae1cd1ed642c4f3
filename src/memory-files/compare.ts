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

/** A unified diff as one text, at most `limit` characters; what was cut is named at its end. */
export function unified(files: readonly FileDiff[], limit: number): string {
  let text = "";
  for (const [at, file] of files.entries()) {
    const part = fileText(file);
    if (text.length + part.length > limit)
      return `${text}${cutLine(files.slice(at), part, limit - text.length)}`;
    text += part;
  }
  return text;
}

function fileText(file: FileDiff): string {
  const lines = [...headerOf(file)];
  for (const { range, lines: body } of file.hunks ?? []) lines.push(range, ...body);
  return `${lines.join("\n")}\n`;
}

/** The two lines that begin a file's part, and a third where its lines can't be told. */
export function headerOf({ path, change, hunks }: FileDiff): readonly string[] {
  return [
    `--- ${change === "added" ? "/dev/null" : `a/${path}`}`,
    `+++ ${change === "deleted" ? "/dev/null" : `b/${path}`}`,
    ...(hunks === null ? ["(not shown: no text, too long, or wholly different)"] : []),
  ];
}

/** The first file that didn't fit is shown as far as it does, in whole lines. */
function cutLine(left: readonly FileDiff[], part: string, budget: number): string {
  const shown = part.slice(0, Math.max(0, budget));
  const whole = shown.slice(0, shown.lastIndexOf("\n") + 1);
  const lines = part.slice(whole.length).split("\n").length - 1;
  const files = left.length - 1;
  const more = files === 0 ? "" : ` and ${files} more ${files === 1 ? "file" : "files"}`;
  return `${whole}[cut: ${lines} more ${lines === 1 ? "line" : "lines"} of ${left[0]?.path}${more}]\n`;
}
