import { classesOf, hasWordOf, WORD_CLASSES, type WordClass } from "./lexicon.ts";
import type { Piece } from "./piece.ts";
import { widthOf } from "./prose.ts";
import { type Word, wordsOf } from "./words.ts";

/** Where a piece stands, and in how many sessions somebody says the same. */
export interface Occasion extends Surroundings {
  readonly isClean: boolean;
  readonly echoes: number;
}

/**
 * Log odds that a person would want the piece remembered, about -6 to 4. The weights are learned from labelled
 * statements of real sessions: `node scripts/selection.ts` fits them and prints how well they do on sessions that they
 * have not seen.
 */
export function worthOf(piece: Piece, surroundings: Occasion): number {
  const features = featuresOf(piece, surroundings);
  const learned = FEATURE_NAMES.reduce(
    (sum, name, at) => sum + WEIGHTS[name] * (features[at] ?? 0),
    INTERCEPT,
  );
  if (surroundings.isClean && isClaim(piece)) return Math.max(learned, -2.6) + 3.5;
  const echo = surroundings.echoes > 1 && isPlain(piece) && isSaying(piece) ? 3 : 0;
  return learned + distilledBonus(piece) + echo;
}

/** More than a word of agreement: what is said again in another session holds beyond the first. */
function isSaying({ text }: Piece): boolean {
  const isEnough = text.split(/\s+/).length >= 3 || /[\u3040-\u30ff\u3400-\u9fff]{6}/.test(text);
  return isEnough && !hasWordOf("mood", text) && !hasWordOf("process", text) && !hasWordOf("errand", text);
}

/** Share of plain claims from which a note counts as written to be kept, so that they need no other sign. */
const CLEAN_FROM = 0.7;
const CLAIMS = ["state", "demand", "reason", "lasting"] as const;

/** Whether a note is more than a report: most of its pieces say what is the case, few tell what was done, ask, or talk. */
export function isCleanNote(pieces: readonly Piece[]): boolean {
  const told = pieces.filter(({ speaker, section }) => speaker === "note" && section !== "skip");
  return told.length > 0 && told.filter(isClaim).length >= told.length * CLEAN_FROM;
}

/** A plain piece that is a whole sentence, or says with one of few words what is the case. */
function isClaim(piece: Piece): boolean {
  const isWhole =
    /^[^\p{Ll}].*[.。]$/u.test(piece.text) &&
    piece.text.length >= 16 &&
    (!hasWordOf("process", piece.text) || hasWordOf("condition", piece.text));
  return (
    piece.speaker === "note" &&
    isPlain(piece) &&
    (isWhole || CLAIMS.some((name) => hasWordOf(name, piece.text)))
  );
}

/** From here on a piece is kept. */
export const KEEP_FROM = 0.75;

/**
 * What notes that were written on purpose are full of, and transcripts of work nearly empty: the labelled sessions hold
 * too few to learn from. A wish or failure that the note itself calls one; a rule; a plain fact about how something is
 * run, reached or limited, or why it is so.
 */
function distilledBonus(piece: Piece): number {
  const { speaker, kind, section, conclusion, text } = piece;
  let bonus = section === "skip" ? -1 : 0;
  if (conclusion !== "") bonus += 4;
  if (speaker === "note" && kind === "preference" && section === "preference") bonus += 3.5;
  else if (isPlain(piece) && isRule(piece)) bonus += 3.3;
  else if (
    isPlain(piece) &&
    speaker === "note" &&
    !INTERNALS.test(text) &&
    (hasValue(text) || isReasoned(text))
  )
    bonus += 3;
  if (kind === "failure" && section === "failure" && isPlain(piece) && WAY_OUT.test(text)) bonus += 3;
  return bonus;
}

/** A failure that says what it came from or what to do. */
const WAY_OUT =
  /->|→|=>|\b(?:cause|fix|workaround|solution|instead|lösung|ursache|solución|remède)\b|原因|因为|ため|対策|解决|parce que|weil|because|porque/iu;

/** No report, talk, errand or question, nothing that only its moment or the code around it explains. */
function isPlain({ text, speaker, kind }: Piece): boolean {
  const isChatter =
    CHATTER.some((name) => hasWordOf(name, text)) ||
    (speaker === "note" && kind !== "preference" && hasWordOf("self", text)) ||
    // An order with a reason or an occasion is a rule: "run … before …, otherwise …".
    (hasWordOf("errand", text) &&
      !hasWordOf("reason", text) &&
      !hasWordOf("condition", text) &&
      !/^\W*(?:re-?)?(?:run|use|make|put|check)\b.*`[^`]+\s[^`]+`/i.test(text));
  return !isChatter && text.length >= 8 && text.length <= 260 && !/[?？:：…]$|\.\.\./.test(text);
}

const CHATTER = ["report", "reportAfter", "talk"] as const;

/** Functions, fields, lines and symbols of code. */
const INTERNALS =
  /\w\(\)|\b[a-z]+[A-Z]|[A-Z][a-z]+[A-Z][a-z]+[A-Z]|\w_\w|::|:=|[{}|]\s|;$|\.\w{1,4}:\d|#\d|→.*→|\blines?\b|\d\d:\d\d/u;

/** A number with what it counts at the end of a clause, a command with its arguments, or a path. */
function hasValue(text: string): boolean {
  const told = text.replace(/^\W*\d+\W/, "");
  if (ENDING_NUMBER.test(told) && !(hasWordOf("process", text) && COUNTED.test(told))) return true;
  return VALUE_IN_CODE.test(text.replace(/^`[^`]*`\s*(?:[—–:→-]|$)/, ""));
}

const ENDING_NUMBER =
  /(?<![\p{L}\d.:/-])\d[\d.,]*(?:%|\s?[\p{Ll}\p{Lu}]{1,12}|\s?\p{Lo}.*)?(?=[.,;)。，；、）]|\s?$|\s[(–—-]|\s(?:before|bevor|avant|antes)\b)/u;
const COUNTED = /\d\s\p{L}/u;
const VALUE_IN_CODE = /`[a-z.$~/][^`{}|<>]*\s[^`{}|<>]*`|`[\w.@~-]*\/[^`{}|]*`/;

function isReasoned(text: string): boolean {
  return (
    hasWordOf("reason", text) &&
    (/[.。]$/.test(text) || hasWordOf("state", text) || hasWordOf("demand", text))
  );
}

/** Words of the person that bind later work and need nothing from the conversation to be understood. */
function isRule({ speaker, kind, text }: Piece): boolean {
  if (speaker !== "person" && kind !== "preference") return false;
  const binds = hasWordOf("lasting", text) || hasWordOf("demand", text);
  return (
    binds &&
    !INTERNALS.test(text) &&
    !hasWordOf("mood", text) &&
    !hasWordOf("pointer", text) &&
    !/\d|[?？]/.test(text)
  );
}

/** What is known of a piece beyond its own text. */
interface Surroundings {
  /** Place of its block in the note, from 0 to 1. */
  readonly position: number;
  /** In how many sessions an identifier occurs. */
  readonly spreadOf: (identifier: string) => number;
}

/**
 * What is measured, and the direction in which it may count: 1 only for a statement, -1 only against it, 0 either way.
 * The directions keep the few hundred labelled statements from teaching an accident, such as that numbers are noise.
 * The order is that of the weights in selection-weights.ts.
 */
export const FEATURES = {
  width: 1,
  isShort: -1,
  isLong: -1,
  words: 1,
  identifiers: 1,
  identifierShare: 0,
  codeSpans: 1,
  numbers: 1,
  question: -1,
  opens: -1,
  cutOff: -1,
  lowerStart: 0,
  startsWithIdentifier: 0,
  pair: 1,
  clauses: 0,
  unbalanced: -1,
  lineReference: -1,
  rawOutput: -1,
  symbols: -1,
  isPerson: 0,
  isAboutPerson: 1,
  isFailure: 0,
  conclusion: 1,
  siblings: -1,
  isFirst: 0,
  position: 0,
  spread: 1,
  reason: 1,
  lasting: 1,
  demand: 1,
  state: 1,
  report: -1,
  talk: -1,
  moment: -1,
  self: -1,
  you: 0,
  correction: 1,
  condition: 1,
  denial: 1,
  errand: -1,
  reportAfter: -1,
  process: -1,
  anaphora: -1,
  mood: -1,
  personLasting: 1,
  personDemand: 1,
  personQuestion: -1,
  personMood: -1,
  identifierState: 1,
  behaviour: 1,
  clean: 1,
  numbered: -1,
  sentences: 1,
  wellFormed: 1,
  startsWithPath: -1,
  parentheses: 0,
  ramble: -1,
} as const;

type FeatureName = keyof typeof FEATURES;
export const FEATURE_NAMES = Object.keys(FEATURES) as readonly FeatureName[];

/** Numbers that say how much a piece looks like something worth keeping; each about 0 to 3, in the order of FEATURES. */
export function featuresOf(piece: Piece, surroundings: Surroundings): readonly number[] {
  const words = wordsOf(piece.text);
  const classes = flagsOf(piece.text);
  const values: Record<FeatureName, number> = {
    ...shapeOf(piece.text, words),
    ...placeOf(piece, words, surroundings),
    ...classes,
    ...togetherOf(piece, words, classes),
  };
  return FEATURE_NAMES.map((name) => values[name]);
}

function flagsOf(text: string): Record<WordClass, number> {
  const classes = classesOf(text);
  return Object.fromEntries(WORD_CLASSES.map((name) => [name, flag(classes[name])])) as Record<
    WordClass,
    number
  >;
}

function shapeOf(text: string, words: readonly Word[]) {
  const width = widthOf(text);
  const named = identifiersIn(words).length;
  return {
    width: Math.min(3, width / 100),
    isShort: flag(width < 28),
    isLong: flag(width > 240),
    words: Math.min(3, words.length / 10),
    identifiers: Math.min(3, named / 2),
    identifierShare: words.length === 0 ? 0 : named / words.length,
    codeSpans: Math.min(3, text.split("`").length / 4),
    numbers: Math.min(3, words.filter((word) => /^[<>=~]*\d[\d.,]*\p{L}{0,3}$/u.test(word.stem)).length),
    question: flag(/[?？](?:\s|$)/.test(text)),
    opens: flag(/[:：]$/.test(text)),
    cutOff: flag(/…|\.\.\.$/.test(text)),
    lowerStart: flag(/^\p{Ll}/u.test(text)),
    startsWithIdentifier: flag(/^[`~./]|^\w+[_./(]\w/.test(text)),
    pair: flag(/^[^.:]{2,60}(?::| [—–-] | -> )\s*\S/u.test(text)),
    clauses: Math.min(3, (text.match(/[,;—–()、，；]| - /g)?.length ?? 0) / 2),
    unbalanced: flag(isUnbalanced(text)),
    lineReference: flag(/\.\w{1,5}:\d+|\blines? \d+|#\d+|\(\d+\)/i.test(text)),
    rawOutput: flag(/\|.*\|.*\||[{};=]\s|\bfunc \w|:= |^\S+\[\d|✅|⚠|→.*→/.test(text)),
    symbols: Math.min(3, (text.match(/[^\p{L}\p{N}\s.,`'"]/gu)?.length ?? 0) / 10),
    numbered: flag(/^\W*\d+\b/.test(text)),
    sentences: Math.min(3, (text.match(/[.!?。！？](?:\s|$)/g)?.length ?? 0) / 2),
    wellFormed: flag(/^\P{Ll}.*[.。](?:["”)]*)$/u.test(text)),
    startsWithPath: flag(/^`?[\w./-]+\.\w{1,5}`?(?::[\d-]+)?`?(?: \([^)]*\))?(?: [—–-]|:|,|$)/.test(text)),
    parentheses: flag(/[(（]/.test(text)),
    ramble: Math.min(3, text.match(/\.{3}|…/g)?.length ?? 0),
  };
}

function placeOf(piece: Piece, words: readonly Word[], { position, spreadOf }: Surroundings) {
  const spread = Math.max(1, ...identifiersIn(words).map((word) => spreadOf(word.stem)));
  return {
    isPerson: flag(piece.speaker === "person"),
    isAboutPerson: flag(piece.speaker === "note" && piece.kind === "preference"),
    isFailure: flag(piece.kind === "failure"),
    conclusion: flag(piece.conclusion !== ""),
    siblings: Math.min(3, piece.siblings / 3),
    isFirst: flag(piece.place === 0),
    position,
    spread: Math.min(3, Math.log2(spread)),
  };
}

/** What only counts together. */
function togetherOf(piece: Piece, words: readonly Word[], has: Record<WordClass, number>) {
  const isPerson = flag(piece.speaker === "person");
  const isReport = has.report || has.reportAfter;
  return {
    personLasting: isPerson * has.lasting,
    personDemand: isPerson * has.demand,
    personQuestion: isPerson * flag(/[?？]/.test(piece.text)),
    personMood: isPerson * has.mood,
    identifierState: flag(identifiersIn(words).length > 0) * has.state * (1 - has.report) * (1 - has.talk),
    behaviour: has.state * has.condition * (1 - isReport),
    clean: (1 - isReport) * (1 - has.talk) * (1 - has.errand) * flag(!/[?？:：]$/.test(piece.text)),
  };
}

function identifiersIn(words: readonly Word[]): readonly Word[] {
  return words.filter((word) => word.hard && /\p{L}/u.test(word.stem));
}

function flag(holds: boolean): number {
  return holds ? 1 : 0;
}

/** A piece cut out of code or of the middle of a quotation. */
function isUnbalanced(text: string): boolean {
  const count = (mark: string) => text.split(mark).length - 1;
  return (
    count("`") % 2 === 1 ||
    count("(") !== count(")") ||
    count("{") !== count("}") ||
    count("“") !== count("”")
  );
}

/** Written by `node scripts/selection.ts --write`; not to be edited by hand. */
export const WEIGHTS: Readonly<Record<keyof typeof FEATURES, number>> = {
  width: 0.345,
  isShort: -0.984,
  isLong: -0.355,
  words: 0.146,
  identifiers: 0.189,
  identifierShare: -0.042,
  codeSpans: 0.208,
  numbers: 0.0,
  question: -0.802,
  opens: 0.0,
  cutOff: -0.165,
  lowerStart: 0.247,
  startsWithIdentifier: 0.074,
  pair: 0.043,
  clauses: 0.134,
  unbalanced: -0.572,
  lineReference: -0.36,
  rawOutput: -0.443,
  symbols: -0.294,
  isPerson: -0.084,
  isAboutPerson: 0.0,
  isFailure: 0.171,
  conclusion: 0.0,
  siblings: -0.455,
  isFirst: -0.393,
  position: -0.113,
  spread: 0.053,
  reason: 0.483,
  lasting: 1.017,
  demand: 0.024,
  state: 0.131,
  report: -0.166,
  talk: -0.402,
  moment: -0.111,
  self: -0.745,
  you: 0.205,
  correction: 0.073,
  condition: 0.036,
  denial: 0.784,
  errand: -0.389,
  reportAfter: -0.197,
  process: -0.769,
  anaphora: -0.231,
  mood: 0.0,
  personLasting: 0.0,
  personDemand: 0.974,
  personQuestion: -0.095,
  personMood: -0.771,
  identifierState: 0.0,
  behaviour: 0.291,
  clean: 0.128,
  numbered: -0.218,
  sentences: 0.486,
  wellFormed: 0.253,
  startsWithPath: 0.0,
  parentheses: 0.15,
  ramble: 0.0,
};
export const INTERCEPT = -1.91;
