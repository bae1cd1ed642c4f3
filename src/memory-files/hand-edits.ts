import { hash } from "node:crypto";
import { diffArrays } from "diff";
import type { HandEdit } from "../domain/generation.ts";
import { comparable, isBlank, linesOf, type OutlineLine } from "../text/outline.ts";

/** A file of a generation, with what in it is a person's. */
export interface EditedFile {
  readonly text: string;
  /** In the order of the file. */
  readonly edits: readonly HandEdit[];
}

/** Beyond so many differences, two versions are compared as sets of lines: nobody edits a file like that by hand. */
const MOST_DIFFERENCES = 20_000;

/**
 * What in `after` is a person's: what was in `before`, as far as it still stands, and every line that differs between
 * the two versions. Lines that went are remembered by hash, so that they can be recognised when they come back.
 */
export function recordHandEdits(before: EditedFile, after: string): readonly HandEdit[] {
  const replaced: string[][] = before.edits.map((edit) => [...edit.replaced]);
  const lines: OutlineLine[] = [];
  let open: number | null = null;
  const edit = () => {
    open ??= replaced.push([]) - 1;
    return open;
  };
  for (const { kind, old, text } of differences(annotate(before), linesOf(after))) {
    if (kind === "same") {
      lines.push({ text, edit: old?.edit ?? null });
      open = null;
    } else if (kind === "removed") {
      const into = replaced[edit()];
      if (old?.edit != null) into?.push(...(replaced[old.edit] ?? []));
      const key = hashOf(old?.text ?? "");
      if (key !== null) into?.push(key);
    } else lines.push({ text, edit: isBlank({ text }) || kind === "moved" ? null : edit() });
  }
  return editsOf(lines, replaced);
}

/** The same edits in another version of the file in which nobody edited: lines that went are not remembered. */
export function moveHandEdits(before: EditedFile, after: string): readonly HandEdit[] {
  const lines = differences(annotate(before), linesOf(after)).flatMap(({ kind, old, text }) =>
    kind === "removed" ? [] : [{ text, edit: kind === "same" ? (old?.edit ?? null) : null }],
  );
  return editsOf(
    lines,
    before.edits.map(({ replaced }) => replaced),
  );
}

/** The lines of a file, each with the edit it belongs to. */
export function annotate({ text, edits }: EditedFile): OutlineLine[] {
  const lines: OutlineLine[] = linesOf(text).map((line) => ({ text: line, edit: null }));
  for (const [index, { line, lines: count }] of edits.entries()) {
    for (const own of lines.slice(Math.max(0, line), line + count)) own.edit = index;
  }
  return lines;
}

/** Back to a list: lines of one edit that stand together, then one entry for all that only went. */
export function editsOf(
  lines: readonly OutlineLine[],
  replaced: readonly (readonly string[])[],
): readonly HandEdit[] {
  const edits: { line: number; lines: number; replaced: readonly string[] }[] = [];
  const placed = new Set<number>();
  lines.forEach(({ text, edit }, at) => {
    if (edit === null || isBlank({ text })) return;
    const last = edits.at(-1);
    const isNext = last !== undefined && lines.slice(last.line + last.lines, at).every(isBlank);
    if (isNext && lines[last.line]?.edit === edit) last.lines = at - last.line + 1;
    else {
      edits.push({ line: at, lines: 1, replaced: placed.has(edit) ? [] : unique(replaced[edit] ?? []) });
      placed.add(edit);
    }
  });
  const gone = unique(replaced.filter((_, index) => !placed.has(index)).flat());
  return gone.length === 0 ? edits : [...edits, { line: 0, lines: 0, replaced: gone }];
}

function unique(hashes: readonly string[]): readonly string[] {
  return [...new Set(hashes)];
}

interface Difference {
  /** `moved`: the line is in both, but nobody knows which one it was. */
  readonly kind: "same" | "removed" | "added" | "moved";
  /** The line before; absent when it was added. */
  readonly old?: OutlineLine;
  /** The line now; empty when it was removed. */
  readonly text: string;
}

/** Line by line; removed lines come before the added ones that took their place. */
function differences(before: readonly OutlineLine[], after: readonly string[]): readonly Difference[] {
  const changes = diffArrays(
    before.map(({ text }) => comparable(text)),
    after.map(comparable),
    { maxEditLength: MOST_DIFFERENCES },
  );
  if (changes === undefined) return compareAsSets(before, after);
  const found: Difference[] = [];
  let [was, is] = [0, 0];
  for (const { added, removed, count } of changes) {
    for (let line = 0; line < (count ?? 0); line += 1) {
      const old = added ? undefined : before[was++];
      const text = removed ? "" : (after[is++] ?? "");
      found.push({ kind: added ? "added" : removed ? "removed" : "same", text, ...(old && { old }) });
    }
  }
  return found;
}

function compareAsSets(before: readonly OutlineLine[], after: readonly string[]): readonly Difference[] {
  const was = new Set(before.map(({ text }) => comparable(text)));
  const is = new Set(after.map(comparable));
  return [
    ...before.flatMap((old): readonly Difference[] =>
      is.has(comparable(old.text)) ? [] : [{ kind: "removed", old, text: "" }],
    ),
    ...after.map((text): Difference => ({ kind: was.has(comparable(text)) ? "moved" : "added", text })),
  ];
}

/**
 * What a line says, without its bullet, its indentation, and the references and labels in brackets at its end. Neither
 * counts the day on which it was last confirmed, which changes from run to run.
 */
export function statementOf(line: string): string {
  return line
    .normalize("NFC")
    .replace(/^\s*(?:[-*+]|\d+[.)]|>)\s+/, "")
    .replace(/(?:\s*\[[^\][]*\])+\s*$/, "")
    .replace(/\s*\(\d{4}-\d\d-\d\d\)\s*$/, "")
    .replace(/\s+/g, " ")
    .trim();
}

const HASH_LENGTH = 24;

/** How a line that went is recognised when it comes back; null for lines that say nothing of their own. */
export function hashOf(line: string): string | null {
  if (/^#{1,6} |^(?:scope|applies_to):|^\s*(?:```|~~~)|^- rollout_summaries\/|^v\d+$/.test(line)) return null;
  const statement = statementOf(line);
  return /[\p{L}\p{N}]{2}/u.test(statement) ? hash("sha256", statement, "hex").slice(0, HASH_LENGTH) : null;
}
