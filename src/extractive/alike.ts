import type { Meaning } from "./meaning.ts";

/**
 * How much two statements share, 0 to 1, when they may say the same thing; 0 when they can't: other numbers, other
 * names, a denial on one side only, or a single word exchanged for another in the same place.
 */
export function likeness(a: Meaning, b: Meaning): number {
  if (a.wideDenial !== b.wideDenial) return 0;
  if (a.opening !== "" && a.opening === b.opening && !clashes(a, b)) return 0.8;
  return Math.max(resemblance(a, b), overlap(a, b));
}

/**
 * Two tellings of one thing rarely share most of their words, but its names and figures. Counted by weight of the
 * shorter one; names and numbers weigh double, and its figures must all be among the other's.
 */
function overlap(a: Meaning, b: Meaning): number {
  const [short, long] = a.words.size <= b.words.size ? [a, b] : [b, a];
  const shared = [...short.signed].filter((word) => long.signed.has(word));
  const weigh = (word: string) => (short.numbers.has(word) || short.names.has(word) ? 2 : 1);
  const telling = shared.filter((word) => weigh(word) === 2);
  if (shared.length < 4 || telling.length < 2 || clashes(a, b)) return 0;
  if (
    countShared(short.numbers, long.words) < short.numbers.size &&
    countShared(long.numbers, short.words) < long.numbers.size
  )
    return 0;
  if (unmatched(short.names, long.words) > short.names.size / 3) return 0;
  const sum = (words: Iterable<string>) => [...words].reduce((total, word) => total + weigh(word), 0);
  const figures = countShared(short.numbers, long.numbers);
  return sum(shared) / sum(short.signed) + (figures >= 2 ? 0.15 : 0.05);
}

function resemblance(a: Meaning, b: Meaning): number {
  if (!sameSet(a.numbers, b.numbers)) return 0;
  const shared = countShared(a.signed, b.signed);
  const onlyA = a.signed.size - shared;
  const onlyB = b.signed.size - shared;
  if (shared === 0 || clashes(a, b)) return 0;
  if (onlyA === 0 && onlyB === 0) return 1;
  const namesA = unmatched(a.names, b.words);
  const namesB = unmatched(b.names, a.words);
  if (namesA > 0 && namesB > 0) return 0;
  if ((onlyA === 0 || onlyB === 0) && namesA + namesB <= 1 && shared >= 3) {
    return shared / (shared + onlyA + onlyB) >= 0.5 ? shared / Math.min(a.signed.size, b.signed.size) : 0;
  }
  if (onlyA === 1 && onlyB === 1 && isSubstitution(a.sequence, b.sequence)) return 0;
  return shared < 2 ? 0 : shared / (shared + onlyA + onlyB);
}

/** From here on two statements count as one. */
export const sameFrom = 0.6;

/** A word affirmed by one and only denied by the other. */
function clashes(a: Meaning, b: Meaning): boolean {
  return deniesOnly(a, b) || deniesOnly(b, a);
}

function deniesOnly(a: Meaning, b: Meaning): boolean {
  for (const denied of a.denials)
    for (const word of denied)
      if (!a.signed.has(word) && b.signed.has(word) && !b.signed.has(`-${word}`)) return true;
  return false;
}

export function countShared(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  const [small, large] = a.size <= b.size ? [a, b] : [b, a];
  let shared = 0;
  for (const word of small) if (large.has(word)) shared++;
  return shared;
}

function sameSet(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && countShared(a, b) === a.size;
}

function unmatched(names: ReadonlySet<string>, words: ReadonlySet<string>): number {
  return names.size - countShared(names, words);
}

/** The same words in the same order but for one: another value, not another wording. */
function isSubstitution(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false;
  const other = a.findIndex((word, at) => word !== b[at]);
  const [x = "", y = ""] = [a[other], b[other]];
  return a.every((word, at) => at === other || word === b[at]) && x.slice(0, 4) !== y.slice(0, 4);
}
