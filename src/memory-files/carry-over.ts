import { NOTHING_YET } from "../text/nothing-yet.ts";
import {
  branchOf,
  flatten,
  groupOf,
  isBlank,
  linesOf,
  type Outline,
  type OutlineLine,
  type Part,
  taskNumber,
  taskOf,
  titleOf,
} from "../text/outline.ts";
import {
  type Block,
  blocksOf,
  compareOutlines,
  fieldOf,
  markPresent,
  missingBlocks,
  plain,
  type Work,
} from "./hand-blocks.ts";
import { annotate, type EditedFile, editsOf, hashOf } from "./hand-edits.ts";

/** A line of a person's that an agent's result lacks, or a line they took away that is back in it. */
export interface LostHandEdit {
  readonly kind: "missing" | "back";
  readonly text: string;
  /** From 0; where it stood in the base (`missing`), or stands in the result (`back`). */
  readonly line: number;
}

/**
 * An agent's result with everything the person did to the base: their lines stand, in the place they gave them, word for
 * word but for the numbers of tasks; lines they took away are gone. Every other line is the agent's. The answer's `edits`
 * say where the person's lines are now. Applied to its own answer it changes nothing.
 *
 * @param base the file the agent started from, with what in it is the person's
 * @param result the same file as the agent left it; null when it is missing
 * @param alsoGone hashes of lines the person took away in another file that this one is made from
 */
export function carryOver(
  base: EditedFile,
  result: string | null,
  alsoGone: Iterable<string> = [],
): EditedFile {
  const gone = goneIn(base, alsoGone);
  if (base.edits.every(({ lines }) => lines === 0) && gone.size === 0) {
    return { text: result ?? base.text, edits: base.edits };
  }
  if (result === null) return { text: base.text, edits: base.edits };
  const work = compareOutlines(base, result);
  insertHandLines(work);
  removeReturned(work, gone);
  removeSentenceOfNothing(work.after);
  const lines = flatten(work.after);
  const text = `${lines.map((line) => line.text).join("\n")}\n`;
  const replaced = base.edits.map((edit) => edit.replaced);
  return {
    text: linesOf(result).join("\n") === lines.map((line) => line.text).join("\n") ? result : text,
    edits: editsOf(lines, replaced),
  };
}

/** What of the person's edits an agent's result does not keep; empty when it keeps them all. */
export function lostHandEdits(base: EditedFile, result: string): readonly LostHandEdit[] {
  const own = annotate(base);
  const work = compareOutlines(base, result);
  const missing = missingBlocks(work).flatMap((block) => block.lines.filter((line) => !isBlank(line)));
  const lines = missing.map(({ text, edit }): LostHandEdit => {
    const line = own.findIndex((other) => other.edit === edit && other.text === text);
    return { kind: "missing", text, line };
  });
  const before = flatten(work.after);
  const back = before.flatMap((line, at): readonly LostHandEdit[] =>
    isReturned(work, line, partOf(work.after, line), goneIn(base, []))
      ? [{ kind: "back", text: line.text, line: at }]
      : [],
  );
  return [...lines, ...back];
}

function goneIn({ edits }: EditedFile, alsoGone: Iterable<string>): ReadonlySet<string> {
  return new Set([...edits.flatMap(({ replaced }) => replaced), ...alsoGone]);
}

function insertHandLines(work: Work): void {
  for (const block of blocksOf(work)) {
    if (markPresent(work, block)) continue;
    if (block.kind === "heading") insertHeading(work, block.part);
    else if (block.kind === "field") replaceField(work, block);
    else insertLines(work, block);
  }
}

function insertHeading(work: Work, part: Part): void {
  const { before, after, parts } = work;
  const target = parts.get(part);
  if (part.heading === null) return;
  const heading = { text: renumber(work, part, part.heading.text), edit: part.heading.edit };
  if (target !== undefined) {
    target.heading = heading;
    return;
  }
  const added = insertPart(work, part, heading);
  // A heading that the person put between an agent's lines keeps those lines below it.
  const wanted = new Set(
    part.body.filter((line) => line.edit === null && !isBlank(line)).map(({ text }) => plain(text)),
  );
  const above = before.parts[before.parts.indexOf(part) - 1];
  const from = above === undefined ? undefined : parts.get(above);
  if (from === undefined || wanted.size === 0) return;
  const moved = from.body.filter(({ text }) => wanted.has(plain(text)));
  from.body.splice(0, from.body.length, ...from.body.filter((line) => !moved.includes(line)));
  added.body.push(...moved);
  if (after.parts.at(-1) !== added) added.body.push({ text: "", edit: null });
}

/** A new part in the result, where the base has it: after the nearest part before it that the result has, too. */
function insertPart({ before, after, parts, parents }: Work, part: Part, heading: OutlineLine): Part {
  const known = parents.get(part) ?? (part.parent === null ? undefined : parts.get(part.parent));
  const parent = known ?? after.parts[0] ?? null;
  const earlier = before.parts.slice(0, before.parts.indexOf(part)).toReversed();
  const inside = parent === null ? after.parts : branchOf(after, parent);
  const neighbour = earlier
    .filter((other) => other.level >= part.level)
    .map((other) => parts.get(other))
    .find((other) => other !== undefined && inside.includes(other));
  const sibling = neighbour === undefined ? undefined : ancestorAt(neighbour, part.level);
  const within = parent?.level === 0 ? (sibling?.parent ?? parent) : parent;
  const added: Part = { heading, level: part.level, parent: within, body: [] };
  const place =
    sibling !== undefined
      ? after.parts.indexOf(sibling) + branchOf(after, sibling).length
      : parent === null || parent.level === 0
        ? placeOutside(before, after, part)
        : after.parts.indexOf(parent) + inside.length;
  const above = after.parts[place - 1];
  if (above !== undefined && !isBlankAtEnd(above) && (above.heading !== null || above.body.length > 0)) {
    above.body.push({ text: "", edit: null });
  }
  after.parts.splice(place, 0, added);
  if (part.body[0]?.text === "") added.body.push({ text: "", edit: null });
  parts.set(part, added);
  return added;
}

/** What is in no group stands before all of them, or it would be in the last. */
function placeOutside(before: Outline, after: Outline, part: Part): number {
  if (before.parts.find(({ level }) => level === part.level) === part) return 1;
  const group = part.level > 1 ? after.parts.findIndex(({ level }) => level === 1) : -1;
  return group < 0 ? after.parts.length : group;
}

function ancestorAt(part: Part, level: number): Part {
  return part.level <= level || part.parent === null ? part : ancestorAt(part.parent, level);
}

function isBlankAtEnd({ body }: Part): boolean {
  return body.at(-1)?.text.trim() === "";
}

function replaceField(work: Work, { part, lines }: Block): void {
  const [line] = lines;
  if (line === undefined) return;
  const target = work.parts.get(part) ?? ensurePart(work, part);
  const field = fieldOf(part, line, part.body.indexOf(line));
  const same = target.body.find((other, at) => fieldOf(target, other, at) === field);
  if (same !== undefined) Object.assign(same, { text: line.text, edit: line.edit });
  else {
    const last = target.body.findLastIndex((other, at) => fieldOf(target, other, at) !== null);
    target.body.splice(last + 1, 0, { text: line.text, edit: line.edit });
  }
}

/** The part of the result in which a person's lines belong; made anew, with its group's head, where the result lacks it. */
function ensurePart(work: Work, part: Part): Part {
  const known = work.parts.get(part);
  if (known !== undefined) return known;
  const task = taskOf(part);
  if (task !== null && work.parts.get(task) === undefined && task.heading?.edit == null)
    return statements(work, task);
  if (part.parent !== null) ensurePart(work, part.parent);
  const heading = { text: renumber(work, part, part.heading?.text ?? ""), edit: part.heading?.edit ?? null };
  const added = insertPart(work, part, heading);
  if (part.level === 1)
    added.body.push(
      ...part.body.filter((line, at) => fieldOf(part, line, at) !== null).map((line) => ({ ...line })),
    );
  if (part.level === 1 && !isBlankAtEnd(added)) added.body.push({ text: "", edit: null });
  return added;
}

/** Words about a task that is no more belong to what its group knows. */
function statements(work: Work, task: Part): Part {
  const title = "## Reusable knowledge";
  const home = work.parents.get(task);
  const group = home === undefined ? ensurePart(work, groupOf(task)) : groupOf(home);
  const known = branchOf(work.after, group).find((part) => part.heading?.text === title);
  if (known !== undefined) return known;
  const here = branchOf(work.before, groupOf(task)).find((part) => part.heading?.text === title);
  if (here !== undefined) return ensurePart(work, here);
  const added: Part = { heading: { text: title, edit: null }, level: 2, parent: group, body: [] };
  const place = work.after.parts.indexOf(group) + branchOf(work.after, group).length;
  work.after.parts.splice(place, 0, added);
  return added;
}

function insertLines(work: Work, { part, lines }: Block): void {
  const old = replacedLine(work, part, lines);
  const target = old?.part ?? ensurePart(work, part);
  const own = lines.map(({ text, edit }) => ({ text: renumber(work, part, text), edit }));
  removeRemnants(part, target, lines);
  const context = parentBullet(part, lines, target);
  const block = [
    ...(context === null ? [] : [{ text: renumber(work, part, context.text), edit: own[0]?.edit ?? null }]),
    ...own,
  ];
  const at = old === null ? placeIn(part, target, lines) : target.body.indexOf(old.line);
  const isLast = at >= target.body.length && work.after.parts.at(-1) !== target;
  target.body.splice(at, 0, ...block, ...(isLast ? [{ text: "", edit: null }] : []));
  if (titleOf(part) === "keywords" && part.level === 3) shareKeywords(target);
}

/** The line that the person replaced by these, back in the result. */
function replacedLine(
  { after, parts, edits }: Work,
  part: Part,
  lines: readonly OutlineLine[],
): { readonly part: Part; readonly line: OutlineLine } | null {
  const gone = edits[lines[0]?.edit ?? -1]?.replaced ?? [];
  const group = parts.get(groupOf(part));
  if (gone.length === 0 || group === undefined) return null;
  for (const candidate of branchOf(after, group)) {
    // A statement takes no place among the evidence or keywords of a task.
    if ((taskOf(candidate) === null) !== (taskOf(part) === null)) continue;
    const line = candidate.body.find(({ text, edit }) => edit === null && gone.includes(hashOf(text) ?? ""));
    if (line !== undefined) return { part: candidate, line };
  }
  return null;
}

/** Single lines of a block that the agent kept while it lost the others. */
function removeRemnants(part: Part, target: Part, lines: readonly OutlineLine[]): void {
  const others = new Set(part.body.filter((line) => !lines.includes(line)).map(({ text }) => plain(text)));
  const wanted = new Set(
    lines.map(({ text }) => plain(text)).filter((text) => text.trim().length > 3 && !others.has(text)),
  );
  const kept = target.body.filter(({ text, edit }) => edit !== null || !wanted.has(plain(text)));
  target.body.splice(0, target.body.length, ...kept);
}

/** The agent's bullet under which the person wrote, when the result has it no more: their words hang on it. */
function parentBullet(part: Part, lines: readonly OutlineLine[], target: Part): OutlineLine | null {
  const [first] = lines;
  const indent = indentOf(first?.text ?? "");
  if (first === undefined || indent === 0) return null;
  const above = part.body.slice(0, part.body.indexOf(first));
  const parent = above.findLast(({ text }) => text.trim() !== "" && indentOf(text) < indent);
  if (parent === undefined || target.body.some(({ text }) => plain(text) === plain(parent.text))) return null;
  return parent.edit === null ? parent : null;
}

function indentOf(text: string): number {
  return /^\s*/.exec(text)?.[0].length ?? 0;
}

/** After the line that they wrote below, else at the beginning. */
function placeIn(part: Part, target: Part, lines: readonly OutlineLine[]): number {
  const [first] = lines;
  if (first === undefined) return target.body.length;
  const from = part.body.indexOf(first);
  for (const line of part.body.slice(0, from).toReversed()) {
    if (isBlank(line)) continue;
    const at = target.body.findLastIndex(({ text }) => plain(text) === plain(line.text));
    if (at < 0) continue;
    let next = at + 1;
    const indent = indentOf(first.text);
    while (indentOf(target.body[next]?.text ?? "") > indent && target.body[next]?.text !== "") next += 1;
    return next;
  }
  if (target.level === 0) return startOf(target);
  return target.body[0]?.text === "" ? 1 : 0;
}

/** Below the version line of a summary, or the front matter of a skill. */
function startOf({ body }: Part): number {
  if (/^v\d+$/.test(body[0]?.text ?? "")) return 1;
  if (body[0]?.text !== "---") return 0;
  return body.findIndex((line, at) => at > 0 && line.text === "---") + 1;
}

/** The person's line of keywords stands as they wrote it; the agent's has what it says besides. */
function shareKeywords({ body }: Part): void {
  const words = (text: string) => text.slice(2).split(", ");
  const own = new Set(
    body.flatMap(({ text, edit }) => (edit !== null && text.startsWith("- ") ? words(text) : [])),
  );
  const kept = body.flatMap((line) => {
    if (line.edit !== null || !line.text.startsWith("- ")) return [line];
    const left = words(line.text).filter((word) => !own.has(word));
    return left.length === 0 ? [] : [{ ...line, text: `- ${left.join(", ")}` }];
  });
  body.splice(0, body.length, ...kept);
}

/** Task numbers as the result has them; a reference that would lead nowhere is left out. */
function renumber({ parts }: Work, part: Part, text: string): string {
  const number = (old: number): number | null => {
    for (const [from, to] of parts) {
      if (taskNumber(from) === old && groupOf(from) === groupOf(part)) return taskNumber(to);
    }
    return null;
  };
  const heading = /^## Task (\d{1,6})\b/.exec(text);
  if (heading !== null)
    return text.replace(/^## Task \d+/, `## Task ${number(Number(heading[1])) ?? heading[1]}`);
  return text.replace(/\s*\[Task (\d{1,6})\]/g, (found, old: string) => {
    const now = number(Number(old));
    return now === null ? "" : found.replace(/\d+/, String(now));
  });
}

function partOf({ parts }: Outline, line: OutlineLine): Part | undefined {
  return parts.find((part) => part.heading === line || part.body.includes(line));
}

/** Whether the person took this line away, and it does not stand anywhere else in the base of its group. */
function isReturned(
  work: Work,
  line: OutlineLine,
  part: Part | undefined,
  gone: ReadonlySet<string>,
): boolean {
  if (line.edit !== null || part === undefined || part.heading === line) return false;
  const key = hashOf(line.text);
  if (key === null || !gone.has(key)) return false;
  // The keywords of a task that the base doesn't have were never taken away.
  const task = titleOf(part) === "keywords" ? taskOf(part) : null;
  if (task !== null && ![...work.parts.values()].includes(task)) return false;
  // A task can't be without keywords: the old ones stay as long as nobody writes others.
  const isElse = (other: OutlineLine) => other.edit !== null || !gone.has(hashOf(other.text) ?? "");
  if (task !== null && !part.body.some((other) => !isBlank(other) && isElse(other))) return false;
  const group = groupOf(part);
  const origin = [...work.parts].find(([, to]) => to === group)?.[0];
  const stands = origin === undefined ? [] : branchOf(work.before, origin);
  return !stands.some(({ body }) => body.some(({ text, edit }) => edit === null && hashOf(text) === key));
}

/** The sentence of an empty handbook goes when something of the person's stands below it. */
function removeSentenceOfNothing({ parts }: Outline): void {
  const [first] = parts;
  if (first === undefined || parts.length === 1) return;
  const kept = first.body.filter(({ text, edit }) => edit !== null || text.trim() !== NOTHING_YET);
  if (kept.length === first.body.length) return;
  first.body.splice(0, first.body.length, ...(kept.every(isBlank) ? [] : kept));
}

function removeReturned(work: Work, gone: ReadonlySet<string>): void {
  const touched = new Set<Part>();
  for (const part of [...work.after.parts]) {
    const kept = part.body.filter((line) => !isReturned(work, line, part, gone));
    if (kept.length === part.body.length) continue;
    touched.add(groupOf(part));
    part.body.splice(0, part.body.length, ...kept);
    const isEmpty = branchOf(work.after, part).every(({ body }) => body.every(isBlank));
    const isList = part.level >= 2 && taskOf(part) === null && part.heading?.edit === null;
    const isNeeded = [...work.parts.values()].includes(part) && groupOf(part).level === 0;
    if (isEmpty && isList && !isNeeded) work.after.parts.splice(work.after.parts.indexOf(part), 1);
  }
  for (const group of touched) if (isReturnedGroup(work, group)) removeGroup(work.after, group);
}

/** A group that the base doesn't have, of which nothing is left but the evidence for what the person took away. */
function isReturnedGroup({ after, parts }: Work, group: Part): boolean {
  if (!/^# Task Group:/.test(group.heading?.text ?? "") || [...parts.values()].includes(group)) return false;
  const branch = branchOf(after, group);
  const hasWords = branch.some(
    (part) => part.level > 1 && taskOf(part) === null && !part.body.every(isBlank),
  );
  const isPersons = branch.some(({ heading, body }) =>
    [heading, ...body].some((line) => line !== null && line.edit !== null),
  );
  return !hasWords && !isPersons;
}

function removeGroup(outline: Outline, group: Part): void {
  const { parts } = outline;
  parts.splice(parts.indexOf(group), branchOf(outline, group).length);
  const [first] = parts;
  if (parts.length === 1 && first?.body.every(isBlank))
    first.body.splice(0, first.body.length, { text: NOTHING_YET, edit: null });
}
