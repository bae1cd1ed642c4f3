import { splitReferences } from "../text/handbook.ts";
import type { Fact } from "./facts.ts";
import type { Group } from "./groups.ts";
import type { Handbook } from "./handbook.ts";
import { contradicts, likeness, type Meaning, meaningOf, outdates } from "./meaning.ts";
import type { Named } from "./summary.ts";

/** Lines of the memory that the person wrote, and generated ones that they took away. */
export interface HandEdits {
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

/** Reads `hand_edits.diff`, which the host lays into the workspace; lines lose their bullet and task references. */
export function readHandEdits(diff: string | null): HandEdits {
  const added: string[] = [];
  const removed: string[] = [];
  for (const line of (diff ?? "").split("\n")) {
    if (line.startsWith("+++ ") || line.startsWith("--- ")) continue;
    const text = plainBullet(line.slice(1));
    if (text === "") continue;
    if (line.startsWith("+")) added.push(text);
    else if (line.startsWith("-")) removed.push(text);
  }
  return { added, removed };
}

/** Same meaning from here on, for words of the person beside words of a session. */
const SAME_FROM = 0.6;

/**
 * Whether a fact may still be printed: the person has not deleted it, does not say the same, and does not say the
 * contrary.
 */
export function allowedBy({ added, removed }: HandEdits): (fact: Fact) => boolean {
  if (added.length + removed.length === 0) return () => true;
  const gone = new Set(removed);
  const addedLines = new Set(added);
  const meanings = added.map((text) => ({ text, meaning: meaningOf(text) }));
  const removedMeanings = removed.map(meaningOf);
  return ({ text }) => {
    if (gone.has(text) || addedLines.has(text)) return false;
    const own = meaningOf(text);
    if (removedMeanings.some((meaning) => likeness(meaning, own) >= 0.9)) return false;
    return !meanings.some(({ meaning }) => isSilenced(own, meaning));
  };
}

function isSilenced(own: Meaning, persons: Meaning): boolean {
  return likeness(persons, own) >= SAME_FROM || contradicts(persons, own) || outdates(persons, own);
}

/** Whether the person took away this heading; the number of a task does not matter. */
export function isHeadingRemoved({ removed }: HandEdits, heading: string): boolean {
  const plain = (text: string) => text.replace(/^## Task \d+/, "## Task");
  return removed.some((line) => plain(line) === plain(heading));
}

/** Groups of the handbook that stay because the person wrote in them, although no session's statement stands there. */
export function personsGroups(
  handbook: Handbook,
  { added }: HandEdits,
  others: readonly Group[],
): readonly Named[] {
  if (added.length === 0) return [];
  const own = new Set(added);
  const families = new Set(others.map(({ project }) => project.family));
  const folders = new Set(others.flatMap(({ project }) => project.folders));
  return handbook.groups
    .filter(({ family, cwd }) => family !== "" && !families.has(family) && !folders.has(cwd ?? "/"))
    .filter(({ text }) => text.split("\n").some((line) => own.has(plainBullet(line))))
    .map(({ family, cwd }) => ({ project: { family, folders: cwd === null ? [family] : [cwd] }, tasks: [] }));
}

function plainBullet(line: string): string {
  return splitReferences(line.replace(/^\s*[-*+] /, ""))
    .text.replace(/ \(\d{4}-\d\d-\d\d\)$/, "")
    .trim();
}
