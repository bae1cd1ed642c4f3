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
    if (affirmed.length === 0 || (!later.changes && agreeing(later, earlier) >= denied.size)) continue;
    if (covers(denied, affirmed.length, later, earlier)) return true;
  }
  for (const denied of earlier.denials) {
    const affirmed = [...denied].filter(
      (word) => later.signed.has(word) && !earlier.signed.has(word) && !later.signed.has(`-${word}`),
    );
    if ((denied.size < 2 && earlier.words.size > 2) || agreeing(later, earlier) >= denied.size) continue;
    if (
      affirmed.length > 0 &&
      affirmed.length >= denied.size * 0.7 &&
      countShared(later.words, earlier.words) >= later.words.size * 0.6
    )
      return true;
  }
  return false;
}

/** Words that both affirm. */
function agreeing(a: Meaning, b: Meaning): number {
  let count = 0;
  for (const word of a.signed) if (!word.startsWith("-") && b.signed.has(word)) count++;
  return count;
}

/** A denied clause speaks of the earlier statement when nearly all of it is found there, or when the rest agrees. */
function covers(denied: ReadonlySet<string>, affirmed: number, later: Meaning, earlier: Meaning): boolean {
  const all = countShared(later.words, earlier.words);
  if (
    later.changes &&
    earlier.core.size >= 3 &&
    countShared(earlier.core, later.words) >= earlier.core.size * 0.75
  )
    return true;
  const extra = denied.size - countShared(denied, earlier.words);
  if (!later.changes && extra > 0 && extra >= denied.size * 0.25) return false;
  if (all >= 3 && all >= earlier.words.size * (later.changes ? 0.5 : 0.6)) return true;
  const figures = [...earlier.numbers].every((number) => denied.has(number));
  if (earlier.numbers.size > 0 && figures && all >= 2 && earlier.words.size <= 5) return true;
  const shared = countShared(denied, earlier.words);
  if (shared < denied.size * 0.75 || affirmed < denied.size * 0.6) return false;
  if (shared >= 2) return earlier.words.size <= denied.size * (later.changes ? 5 : 2.5);
  return denied.size === 1 && earlier.words.size <= 2;
}

function wideEnough(a: Meaning, b: Meaning): boolean {
  const shared = countShared(a.words, b.words);
  return shared >= 4 && shared >= Math.min(a.words.size, b.words.size) * 0.7;
}

/**
 * The same sentence up to a point, then another value. How much must be the same depends on how plain the change is: a
 * number or a yes for a no, a word such as "now", or a subject that can have only one value. Numbers that only point
 * somewhere (lines, steps, issues) are no values, and two statements under different conditions both stand.
 */
function revalues(later: Meaning, earlier: Meaning): boolean {
  const a = later.sequence.filter((word) => !changeWords.has(word));
  const b = earlier.sequence.filter((word) => !changeWords.has(word));
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  const [x, y] = [a[head], b[head]];
  if (head === 0 || x === undefined || y === undefined) return false;
  if (pointers.has(a[head - 1] ?? "") && isFixedValue(x) && isFixedValue(y)) return false;
  let tail = 0;
  while (
    tail < a.length - head &&
    tail < b.length - head &&
    a[a.length - 1 - tail] === b[b.length - 1 - tail]
  )
    tail++;
  const frame = head + tail;
  const left = b.length - frame;
  if (isFixedValue(x) && isFixedValue(y)) return frame >= 2 && (head >= 3 || left <= 2);
  if (later.changes) {
    if (head >= 4) return left <= 10;
    return frame >= 3
      ? left <= 5
      : left <= 2 || (isName(a[0], later) && isName(b[0], earlier) && later.defines);
  }
  if (later.conditions !== "" && earlier.conditions !== "" && later.conditions !== earlier.conditions)
    return false;
  if (later.excludes)
    return head >= 2 && later.names.has(a[0] ?? "") === earlier.names.has(b[0] ?? "") && left <= 8;
  if (head >= 4) return left <= 8;
  const isNamed = later.names.has(x) && earlier.names.has(y);
  return later.defines && earlier.defines && isNamed && head >= 2 && left <= 3 && tail <= 1;
}

function isName(word: string | undefined, { names }: Meaning): boolean {
  return word !== undefined && names.has(word) && /[^a-z]/.test(word);
}

function isFixedValue(word: string): boolean {
  return /^[<>=~]*\d|^(?:true|false|on|off|yes|no)$/.test(word);
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
