import type { HandEdit } from "../domain/generation.ts";
import { splitReferences } from "../text/handbook.ts";
import {
  comparable,
  flatten,
  isBlank,
  linesOf,
  type Outline,
  type OutlineLine,
  outlineOf,
  type Part,
} from "../text/outline.ts";
import { annotate, type EditedFile, editsOf } from "./hand-edits.ts";
import { type MatchedParts, matchParts } from "./match-parts.ts";

/** The base (`before`), the result (`after`), and where the parts of the one are in the other. */
export interface Work extends MatchedParts {
  readonly before: Outline;
  readonly after: Outline;
  readonly edits: readonly HandEdit[];
}

export function compareOutlines(base: EditedFile, result: string): Work {
  const before = outlineOf(annotate(base));
  const after = outlineOf(linesOf(result).map((text) => ({ text, edit: null })));
  return { before, after, ...matchParts(before, after), edits: base.edits };
}

/** Where the person's lines are in a text that is final: lines that are not there are no longer theirs. */
export function locateHandEdits(base: EditedFile, result: string): readonly HandEdit[] {
  if (base.edits.length === 0) return [];
  const work = compareOutlines(base, result);
  missingBlocks(work);
  return editsOf(
    flatten(work.after),
    base.edits.map((edit) => edit.replaced),
  );
}

/** Lines of one edit that stand together below one heading, or that heading itself. */
export interface Block {
  readonly part: Part;
  readonly kind: "heading" | "field" | "lines";
  readonly lines: readonly OutlineLine[];
}

export function blocksOf({ before }: Work): readonly Block[] {
  return before.parts.flatMap((part) => {
    const blocks: Block[] = [];
    if (part.heading?.edit != null) blocks.push({ part, kind: "heading", lines: [part.heading] });
    let open: OutlineLine[] | null = null;
    let blanks: OutlineLine[] = [];
    for (const [at, line] of part.body.entries()) {
      if (isBlank(line) && open !== null) blanks.push(line);
      else if (line.edit === null || isBlank(line)) open = null;
      else if (fieldOf(part, line, at) !== null) {
        blocks.push({ part, kind: "field", lines: [line] });
        open = null;
      } else if (open !== null && open[0]?.edit === line.edit) {
        open.push(...blanks, line);
        blanks = [];
      } else {
        open = [line];
        blanks = [];
        blocks.push({ part, kind: "lines", lines: open });
      }
    }
    return blocks;
  });
}

/** `scope:` and the like in the head of a group, or a key of a file's front matter; null for an ordinary line. */
export function fieldOf(part: Part, { text }: OutlineLine, at: number): string | null {
  if (part.level === 1) return /^(scope|applies_to):/.exec(text)?.[1] ?? null;
  if (part.level > 0 || part.body[0]?.text !== "---") return null;
  const end = part.body.findIndex((line, place) => place > 0 && line.text === "---");
  return at > 0 && at < end ? (/^([\w-]+):/.exec(text)?.[1] ?? null) : null;
}

/** Finds the block in the result and marks it as the person's; false when it is not there. */
export function markPresent({ before, after, parts }: Work, { part, kind, lines }: Block): boolean {
  const target = parts.get(part);
  const [first] = lines;
  if (first === undefined) return true;
  if (kind === "heading") {
    if (target?.heading == null || plain(target.heading.text) !== plain(first.text)) return false;
    target.heading.edit = first.edit;
    return true;
  }
  const wanted = lines.filter((line) => !isBlank(line));
  const isLong = wanted.reduce((sum, { text }) => sum + text.length, 0) >= 12;
  const isOnly = before.parts.every((other) => other === part || !holds(other.body, wanted));
  const elsewhere = kind === "lines" && isLong && isOnly ? after.parts : [];
  for (const place of [...(target === undefined ? [] : [target]), ...elsewhere]) {
    const at = runIn(place.body, wanted);
    if (at === null) continue;
    for (const found of at) found.edit = first.edit;
    return true;
  }
  return false;
}

function holds(body: readonly OutlineLine[], wanted: readonly OutlineLine[]): boolean {
  return runIn(body, wanted) !== null;
}

/** Marks what is there, in its own place or in any other, and answers with the rest. */
export function missingBlocks(work: Work): readonly Block[] {
  const away = blocksOf(work).filter((block) => !markPresent(work, block));
  return away.filter(({ kind, lines }) => {
    const wanted = lines.filter((line) => !isBlank(line));
    const found = work.after.parts
      .map((part) => runIn(kind === "heading" ? headingOf(part) : part.body, wanted))
      .find((run) => run !== null);
    for (const line of found ?? []) line.edit = lines[0]?.edit ?? null;
    return found === undefined;
  });
}

function headingOf({ heading }: Part): readonly OutlineLine[] {
  return heading === null ? [] : [heading];
}

/** The lines of the body that say just this, one after the other, empty lines aside. Lines that are marked are taken. */
function runIn(body: readonly OutlineLine[], wanted: readonly OutlineLine[]): readonly OutlineLine[] | null {
  const full = body.filter((line) => !isBlank(line));
  for (let from = 0; from + wanted.length <= full.length; from += 1) {
    const run = full.slice(from, from + wanted.length);
    if (run.every(({ text, edit }, at) => edit === null && plain(text) === plain(wanted[at]?.text ?? "")))
      return run;
  }
  return null;
}

/** Without what changes with the numbers of tasks. */
export function plain(text: string): string {
  return splitReferences(comparable(text)).text.replace(/^## Task \d+/, "## Task");
}
