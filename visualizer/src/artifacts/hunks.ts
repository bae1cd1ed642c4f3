import { structuredPatch } from "diff";

export interface DiffRow {
  readonly kind: "same" | "added" | "deleted" | "gap";
  readonly before: number | null;
  readonly after: number | null;
  readonly text: string;
}

export interface FileDiff {
  readonly rows: readonly DiffRow[];
  readonly added: number;
  readonly deleted: number;
  /** Too different to compare in a moment: all old lines, then all new ones. */
  readonly isWhole: boolean;
}

const CONTEXT = 3;
const PATIENCE_MS = 400;

/** A unified diff as rows to draw. Null stands for a file that is not there. */
export function fileDiff(before: string | null, after: string | null): FileDiff {
  const patch = structuredPatch("", "", before ?? "", after ?? "", undefined, undefined, {
    context: CONTEXT,
    timeout: PATIENCE_MS,
  });
  const rows = patch === undefined ? wholly(before ?? "", after ?? "") : patch.hunks.flatMap(rowsOf);
  return {
    rows,
    added: rows.filter(({ kind }) => kind === "added").length,
    deleted: rows.filter(({ kind }) => kind === "deleted").length,
    isWhole: patch === undefined,
  };
}

type Hunk = NonNullable<ReturnType<typeof structuredPatch>>["hunks"][number];

function rowsOf(hunk: Hunk, at: number): readonly DiffRow[] {
  let before = hunk.oldStart;
  let after = hunk.newStart;
  const rows: DiffRow[] = [];
  if (at > 0 || hunk.oldStart > 1) {
    rows.push({ kind: "gap", before: null, after: null, text: `line ${Math.max(hunk.newStart, 1)}` });
  }
  for (const line of hunk.lines) {
    const text = line.slice(1);
    if (line.startsWith("+")) rows.push({ kind: "added", before: null, after: after++, text });
    else if (line.startsWith("-")) rows.push({ kind: "deleted", before: before++, after: null, text });
    else if (line.startsWith(" ")) rows.push({ kind: "same", before: before++, after: after++, text });
  }
  return rows;
}

function wholly(before: string, after: string): readonly DiffRow[] {
  return [
    ...lines(before).map((text, at): DiffRow => ({ kind: "deleted", before: at + 1, after: null, text })),
    ...lines(after).map((text, at): DiffRow => ({ kind: "added", before: null, after: at + 1, text })),
  ];
}

function lines(text: string): readonly string[] {
  return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}
