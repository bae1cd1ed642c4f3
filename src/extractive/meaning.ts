import { quotationIn } from "./prose.ts";
import { wordsOf } from "./words.ts";

/**
 * What a statement says, for comparing: content words with a sign. `-` marks words that are denied ("not npm", "instead
 * of npm", "no longer uses npm"); a word can be both affirmed and denied in one statement.
 */
export interface Meaning {
  readonly signed: ReadonlySet<string>;
  /** The same words without signs. */
  readonly words: ReadonlySet<string>;
  /** Those of the first clause: what the statement is about, before it explains. */
  readonly core: ReadonlySet<string>;
  readonly numbers: ReadonlySet<string>;
  readonly names: ReadonlySet<string>;
  /** The words of a quotation's first sentence, empty when it isn't a quotation or that sentence is all of it. */
  readonly opening: string;
  /** Words in order, without signs. */
  readonly sequence: readonly string[];
  /** Denied words clause by clause. */
  readonly denials: readonly ReadonlySet<string>[];
  /** Says that something is different from before. */
  readonly changes: boolean;
  /** Gives a subject the one value it has: "is", "runs on", "defaults to", "lives in". */
  readonly defines: boolean;
  /** Says that nothing else is the case. */
  readonly excludes: boolean;
  /** What comes after "if", "when" and their like. */
  readonly conditions: string;
  /** Denies somewhere, in a language whose clauses are not parsed. */
  readonly wideDenial: boolean;
}

const denier =
  /\b(?:not(?! only| just)|never|no longer|no(?! solo)|n[o']t|cannot|without|avoid(?:s|ed|ing)?|stop(?:ped)? (?:using|doing|writing|adding)|don['’]?t|doesn['’]?t|didn['’]?t|isn['’]?t|aren['’]?t|won['’]?t|can['’]?t|shouldn['’]?t|mustn['’]?t|wasn['’]?t|instead of|rather than|in place of|neither|nor|nicht(?! nur)|kein\w*|nie|niemals|ohne|statt|anstatt|anstelle|jamais|sans|pas|au lieu de|plutôt que|nunca|jamás|sin|en vez de|en lugar de)(?![\p{L}\p{N}])/giu;
/** A clause whose subject is gone: "oxlint and prettier have been removed", "the limit of 150 is void". */
const withdrawn =
  /(?<=^|[.;:,(] |\band |\bbut )[^.;:,()]{3,80}\b(?:(?:has|have) been|is|are|was|were) (?:now |all )?(?:removed|dropped|gone|void|obsolete|retired|deleted|replaced|superseded|outdated|no longer (?:true|valid|needed|used))\b/giu;
const withdrawnEnd =
  /\b(?:removed|dropped|gone|void|obsolete|retired|deleted|replaced|superseded|outdated)$/i;
const clauseEnd =
  /[,;:.!?()—–](?=\s|$)|\s(?:but|and instead|use|instead|because|so that|since|unless|if|when|until|hence|sondern|mais|sino|weil|car|porque|->|→|=>)(?![\p{L}]|\sof\b)/giu;
const change =
  /\b(?:now|no longer|any ?more|switched (?:to|from)|moved (?:to|from)|migrated|upgraded|since then|instead|as of|from now on|after all|it was \S+ before|jetzt|nun|inzwischen|nicht mehr|mittlerweile|désormais|maintenant|ne .{1,20} plus|ahora|ya no)\b|今は|現在|ではなく|现在|已改|改为|不再|改用/iu;
const define =
  /\b(?:is|are|defaults? to|set to|runs? (?:on|with|via|under)|lives? in|listens? on|pinned to|requires?|version|ist|liegt|läuft|est|es|está)\b|は|是|为/iu;
const wideDenier = /ない|ません|禁止|避け|不要|不能|不得|不再|不用|别|没有|勿|не\s/u;

export function meaningOf(text: string): Meaning {
  const short = keyPart(text.slice(0, 2_000));
  const spans = deniedSpans(short);
  const colon = short.search(/[:;,.(—]\s/);
  const core = new Set<string>();
  const signed = new Set<string>();
  const words = new Set<string>();
  const numbers = new Set<string>();
  const names = new Set<string>();
  const sequence: string[] = [];
  const denials = spans.map(() => new Set<string>());
  for (const word of wordsOf(short)) {
    const span = spans.findIndex(([from, to]) => word.at >= from && word.at < to);
    signed.add(span < 0 ? word.stem : `-${word.stem}`);
    denials[span]?.add(word.stem);
    words.add(word.stem);
    if (colon < 0 || word.at < colon) core.add(word.stem);
    sequence.push(word.stem);
    if (/^[<>=~]*\d|^(?:true|false)$/.test(word.stem)) numbers.add(word.stem);
    else if (word.hard) names.add(word.stem);
  }
  return {
    signed,
    words,
    core,
    numbers,
    names,
    opening: short === text.slice(0, 2_000) ? "" : openingOf(short),
    sequence,
    denials: denials.filter((denied) => denied.size > 0),
    changes: change.test(short) || spans.some(([from, to]) => withdrawnEnd.test(short.slice(from, to))),
    defines: define.test(short),
    excludes: /\b(?:only|solely|exclusively|nur|uniquement|solo|solamente)\b|だけ|只/iu.test(
      short.slice(0, 120),
    ),
    conditions: (
      /\b(?:if|when|while|unless|during|wenn|falls|si|quand|cuando)\s.{0,60}/iu.exec(short)?.[0] ?? ""
    ).toLowerCase(),
    wideDenial: wideDenier.test(short),
  };
}

/** What is said, without what a note concludes from it: a wish is the same whatever it taught. */
function keyPart(text: string): string {
  const quoted = quotationIn(text);
  return quoted !== null && quoted.words.length > 8 ? quoted.words : text;
}

function openingOf(words: string): string {
  const end = words.search(/[.!?;](?:\s|$)/);
  const stems = wordsOf(end < 0 ? words : words.slice(0, end)).map((word) => word.stem);
  return stems.length >= 2 ? stems.join(" ") : "";
}

/** Stretches under a denial: from the word that denies to the end of its clause. */
function deniedSpans(text: string): readonly (readonly [number, number])[] {
  const spans: (readonly [number, number])[] = [];
  const favours = [
    ...text.matchAll(/\b(?:prefer\w*|favou?r\w*|choose|chose|pick\w*)\b[^.;,]{1,80}?\s(over|to)\s/gi),
  ];
  for (const match of text.matchAll(withdrawn)) spans.push([match.index, match.index + match[0].length]);
  const starts = [
    ...[...text.matchAll(denier)].map((match) => match.index + match[0].length),
    ...favours.map((match) => match.index + match[0].length),
  ].sort((a, b) => a - b);
  for (const start of starts) {
    if (spans.some(([from, to]) => start >= from && start < to)) continue;
    // "never use …": the word right after belongs to the denied clause even if it could begin another.
    clauseEnd.lastIndex =
      start + (/^\s*[\p{L}\p{N}'’`-]+/u.exec(text.slice(start, start + 60))?.[0].length ?? 0);
    spans.push([start, clauseEnd.exec(text)?.index ?? text.length]);
  }
  clauseEnd.lastIndex = 0;
  return spans;
}

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

function countShared(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
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

/** Numbers and versions; a path, a command or a name is a value only by the form of the sentence (`contradicts`). */
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
