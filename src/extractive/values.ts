import { countShared } from "./alike.ts";
import type { Meaning } from "./meaning.ts";

/**
 * Whether a later statement ends an earlier one about the same subject by giving it another value. Two signs, neither
 * of which needs to know the language:
 *
 * - the later one names the subject, the old value and a new one ("moved from 5432 to 6543"), or
 * - both are about the same subject and attribute, each with one value, and the values differ.
 *
 * A subject is an identifier that both share; without one, most of the words must be shared.
 */
export function outdates(later: Meaning, earlier: Meaning): boolean {
  const values = valuesOf(earlier);
  if (values.length !== 1) return false;
  const [old = ""] = values;
  const subjects = [...earlier.names].filter((name) => name !== old && !isValue(name));
  const shared = subjects.filter((name) => later.names.has(name) || later.words.has(name));
  const fresh = valuesOf(later).filter((value) => value !== old);
  if (fresh.length !== 1) return false;
  const words = countShared(earlier.words, later.words);
  if (later.words.has(old))
    return shared.length > 0 ? words >= 2 : words >= Math.max(3, earlier.words.size * 0.5);
  if (!sameShape(old, fresh[0] ?? "")) return false;
  if (subjects.length === 0 || shared.length !== subjects.length) return false;
  return later.changes ? words >= 1 : words >= 2 && attributesAgree(later, earlier);
}

/** The words beside subject and value are the attribute: at least one shared, or none on one side. */
function attributesAgree(later: Meaning, earlier: Meaning): boolean {
  const plain = (meaning: Meaning) =>
    new Set([...meaning.words].filter((word) => !meaning.names.has(word) && !meaning.numbers.has(word)));
  const [a, b] = [plain(later), plain(earlier)];
  const shared = countShared(a, b);
  return shared >= 1 && shared >= Math.min(a.size, b.size) * 0.5;
}

/** Numbers and versions; a path, a command or a name is a value only by the form of the sentence (contradiction.ts). */
function valuesOf({ words }: Meaning): readonly string[] {
  return [...words].filter(isValue);
}

function isValue(word: string): boolean {
  return /^[<>=~^]*v?\d[\d.,_]*(?:\p{L}{1,3}|%)?$/u.test(word);
}

/** A version replaces a version, a plain number a plain number. */
function sameShape(a: string, b: string): boolean {
  return a.split(".").length > 2 === b.split(".").length > 2;
}
