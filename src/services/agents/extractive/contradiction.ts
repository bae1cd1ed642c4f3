import { countShared } from "./alike.ts";
import type { Meaning } from "./meaning.ts";

/**
 * Whether a later statement takes an earlier one back: it denies what the earlier one affirms (or the other way round),
 * gives the same subject another value, or the same sentence another number. A narrower exception takes nothing back.
 */
export function contradicts(later: Meaning, earlier: Meaning): boolean {
  return reverses(later, earlier) || revalues(later, earlier);
}

function reverses(later: Meaning, earlier: Meaning): boolean {
  if (later.wideDenial !== earlier.wideDenial && wideEnough(later, earlier)) return true;
  for (const denied of later.denials) {
    const affirmed = [...denied].filter((word) => earlier.signed.has(word) && !later.signed.has(word));
    if (affirmed.length > 0 && covers(denied, earlier.words, affirmed.length)) return true;
  }
  for (const denied of earlier.denials) {
    const affirmed = [...denied].filter(
      (word) => later.signed.has(word) && !earlier.signed.has(word) && !later.signed.has(`-${word}`),
    );
    if (
      affirmed.length > 0 &&
      affirmed.length >= denied.size * 0.7 &&
      countShared(later.words, earlier.words) >= later.words.size * 0.6
    )
      return true;
  }
  return false;
}

/** A denied clause speaks of the earlier statement when nearly all of it is found there. */
function covers(denied: ReadonlySet<string>, earlier: ReadonlySet<string>, affirmed: number): boolean {
  const shared = countShared(denied, earlier);
  if (shared < denied.size * 0.75 || affirmed < denied.size * 0.6) return false;
  return shared >= 2 || (denied.size === 1 && earlier.size <= 3);
}

function wideEnough(a: Meaning, b: Meaning): boolean {
  const shared = countShared(a.words, b.words);
  return shared >= 4 && shared >= Math.min(a.words.size, b.words.size) * 0.7;
}

/**
 * The same sentence around another value: what differs is one short stretch in the same place, and it holds a number, a
 * name, or comes with a word such as "now". Numbers that only point somewhere (lines, steps, issues) are no values.
 */
function revalues(later: Meaning, earlier: Meaning): boolean {
  const a = later.sequence.filter((word) => !changeWords.has(word));
  const b = earlier.sequence.filter((word) => !changeWords.has(word));
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (
    tail < a.length - head &&
    tail < b.length - head &&
    a[a.length - 1 - tail] === b[b.length - 1 - tail]
  )
    tail++;
  const valueA = a.slice(head, a.length - tail);
  const valueB = b.slice(head, b.length - tail);
  const frame = head + tail;
  if (valueA.length === 0 || valueB.length === 0 || frame === 0) return false;
  if (head > 0 && pointers.has(a[head - 1] ?? "")) return false;
  const isNumeric = valueA.some(isNumber) && valueB.some(isNumber);
  const longest = Math.max(valueA.length, valueB.length);
  if (later.changes) return longest <= (frame >= 2 ? 4 : 2) && (frame >= 2 || head > 0);
  const isNamed =
    valueA.some((word) => later.names.has(word)) && valueB.some((word) => earlier.names.has(word));
  if (later.defines && earlier.defines && isNamed) return longest <= 3 && head >= 2 && tail <= 1;
  return isNumeric && longest <= 2 && frame >= 2 && head > 0;
}

function isNumber(word: string): boolean {
  return /^\d/.test(word);
}

const pointers = new Set([
  "lin",
  "line",
  "step",
  "issu",
  "issue",
  "task",
  "phas",
  "phase",
  "pr",
  "point",
  "item",
  "test",
  "cas",
  "case",
  "section",
  "page",
  "#",
]);
const changeWords = new Set([
  "switch",
  "mov",
  "migrat",
  "renam",
  "replac",
  "upgrad",
  "bump",
  "change",
  "instead",
  "meanwhil",
  "jetzt",
  "nun",
  "inzwischen",
]);
