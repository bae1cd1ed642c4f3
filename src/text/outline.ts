/**
 * A Markdown file cut at its headings, so that lines can be found again in another version of it. Lines keep
 * their spelling, but for line endings and a byte-order mark.
 */
export interface Outline {
  /** In the order of the file; the first is what stands before any heading. */
  readonly parts: Part[];
}

export interface Part {
  /** Null for the first part. */
  heading: OutlineLine | null;
  /** 0 for the first part, 1 for `#`, and so on. */
  readonly level: number;
  readonly parent: Part | null;
  readonly body: OutlineLine[];
}

export interface OutlineLine {
  text: string;
  /** The hand edit (its place in the list of edits) that the line belongs to; null: an agent's. */
  edit: number | null;
}

/** Lines without byte-order mark and carriage returns; no empty line after the last line break. */
export function linesOf(text: string): readonly string[] {
  const lines = text
    .replace(/^\ufeff/, "")
    .split("\n")
    .map((line) => line.replace(/\r$/, ""));
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

/** What two spellings of the same line have in common: composed letters, and no white space at the end. */
export function comparable(line: string): string {
  return line.normalize("NFC").trimEnd();
}

export function isBlank({ text }: { readonly text: string }): boolean {
  return text.trim() === "";
}

export function outlineOf(lines: readonly OutlineLine[]): Outline {
  const parts: Part[] = [{ heading: null, level: 0, parent: null, body: [] }];
  let fence: string | null = null;
  for (const line of lines) {
    const mark = /^\s*(```+|~~~+)/.exec(line.text)?.[1] ?? null;
    if (mark !== null && (fence === null || mark.startsWith(fence))) fence = fence === null ? mark : null;
    const level = fence === null && mark === null ? (/^(#{1,6}) /.exec(line.text)?.[1]?.length ?? 0) : 0;
    if (level === 0) {
      parts.at(-1)?.body.push(line);
      continue;
    }
    const parent = parts.findLast((part) => part.level < level) ?? null;
    parts.push({ heading: line, level, parent, body: [] });
  }
  return { parts };
}

/** What stands after the `#` of the part's heading; empty for the first part. */
export function titleOf(part: Part): string {
  return part.heading?.text.replace(/^#+\s*/, "").trim() ?? "";
}

export function flatten({ parts }: Outline): OutlineLine[] {
  return parts.flatMap((part) => [...(part.heading === null ? [] : [part.heading]), ...part.body]);
}

/** The part and everything below it, in the order of the file. */
export function branchOf({ parts }: Outline, root: Part): readonly Part[] {
  const from = parts.indexOf(root);
  const to = parts.findIndex((part, at) => at > from && part.level <= root.level);
  return parts.slice(from, to < 0 ? parts.length : to);
}

/** The task group a part is in; the first part when it is in none. */
export function groupOf(part: Part): Part {
  return part.level <= 1 || part.parent === null ? part : groupOf(part.parent);
}

/** The number of a `## Task n` heading; null for every other part. */
export function taskNumber(part: Part): number | null {
  const found = part.level === 2 ? /^## Task (\d{1,6})\b/.exec(part.heading?.text ?? "")?.[1] : undefined;
  return found === undefined ? null : Number(found);
}

/** The task that a part is, or is in. */
export function taskOf(part: Part): Part | null {
  if (taskNumber(part) !== null) return part;
  return part.parent === null ? null : taskOf(part.parent);
}
