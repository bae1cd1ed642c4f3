import {
  hasWayOut,
  INTERNALS,
  isPlain,
  isPlainFact,
  isReasoned,
  isRule,
  tellsCode,
  tellsNumber,
} from "./forms.ts";
import { hasWordOf, WORD_CLASSES, type WordClass } from "./lexicon.ts";
import type { Piece } from "./piece.ts";
import { widthOf } from "./prose.ts";
import { type Word, wordsOf } from "./words.ts";

/** What is known of a piece beyond its own text. */
export interface Surroundings {
  /** Place of its block in the note, from 0 to 1. */
  readonly position: number;
  /** Pieces of the whole note. */
  readonly pieces: number;
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
  homePath: 1,
  commandLine: 1,
  options: 0,
  explains: 1,
  spokenWords: 1,
  notePieces: -1,
  delivery: -1,
  pasted: -1,
  askedAgain: -1,
  plainNumber: 1,
  plainCode: 1,
  plainReason: 1,
  plain: 1,
  rule: 1,
  plainFact: 1,
  wayOut: 1,
  skipped: -1,
  nextStep: -1,
  point: -1,
  asks: -1,
  cutEnd: -1,
  changeVerb: -1,
  checks: -1,
  documents: 0,
  stressed: 1,
  capitals: 0,
  we: 0,
  should: 0,
  only: 0,
  pointer: -1,
  pointers: -1,
} as const;

type FeatureName = keyof typeof FEATURES;
export const FEATURE_NAMES = Object.keys(FEATURES) as readonly FeatureName[];

/** Numbers that say how much a piece looks like something worth keeping; each about 0 to 3, in the order of FEATURES. */
export function featuresOf(piece: Piece, surroundings: Surroundings): readonly number[] {
  const [shape, contents, place, classes, together, forms, speech] = measured(piece, surroundings);
  const values: Record<FeatureName, number> = {
    ...shape,
    ...contents,
    ...place,
    ...classes,
    ...together,
    ...forms,
    ...speech,
  };
  return FEATURE_NAMES.map((name) => values[name]);
}

/** The sum of the features by their weights: what is asked of every sentence, and so made without a list of them. */
export function weightOf(
  piece: Piece,
  surroundings: Surroundings,
  weights: Readonly<Record<FeatureName, number>>,
): number {
  let sum = 0;
  for (const part of measured(piece, surroundings) as readonly Readonly<Record<string, number>>[])
    for (const name in part) sum += (weights[name as FeatureName] ?? 0) * (part[name] ?? 0);
  return sum;
}

function measured(piece: Piece, surroundings: Surroundings) {
  const words = wordsOf(piece.text);
  const named = words.filter((word) => word.hard && /\p{L}/u.test(word.stem));
  const classes = flagsOf(piece.text);
  return [
    shapeOf(piece.text, words, named),
    contentsOf(piece),
    placeOf(piece, surroundings),
    classes,
    togetherOf(piece, named, classes),
    formsOf(piece),
    speechOf(piece.text),
  ] as const;
}

function flagsOf(text: string): Record<WordClass, number> {
  const flags: Partial<Record<WordClass, number>> = {};
  for (const name of WORD_CLASSES) flags[name] = flag(hasWordOf(name, text));
  return flags as Record<WordClass, number>;
}

function shapeOf(text: string, words: readonly Word[], names: readonly Word[]) {
  const width = widthOf(text);
  const named = names.length;
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

/** What a piece names that holds beyond its session. */
function contentsOf({ text, speaker }: Piece) {
  return {
    homePath: flag(HOME_PATH.test(text)),
    commandLine: flag(/`[a-z][\w.-]* [^`]+`/.test(text)),
    options: Math.min(3, text.match(/(?<![\w-])--?[a-z][\w-]+/g)?.length ?? 0),
    spokenWords: Math.min(4, text.split(/\s+/).length / 12),
    pasted: flag(speaker === "person" && isPasted(text)),
    askedAgain: flag(speaker === "person" && /\b\d+[.)]\s|^\W*(?:let['’]?s|can you|could you)\b/i.test(text)),
  };
}

/** A path that holds on other checkouts too: below the home folder, absolute, or in a hidden folder. */
const HOME_PATH =
  /(?:~|\$\{?[A-Z_]+\}?|%\w+%)[/\\]|(?<![\w.])\/(?:usr|etc|var|opt|home|Users|tmp)\/|(?<![\w/])\.[a-z][\w-]+\//;

/** Whether output, a prompt, a picture or somebody else's words stand between those of the person. */
export function isPasted(text: string): boolean {
  return PASTED.test(text);
}

const PASTED =
  /\d\d:\d\d|\[(?:image|pasted|request)|\[\d+[\d/]|\b(?:error|warn(?:ing)?|info|debug)[:\s]\s?[A-Z]|["“].{60,}["”]|\n|^\W*\w+\.\s["“]|:=|:\s\d+\.\s|\blines? \d/i;

function placeOf(piece: Piece, { position, pieces }: Surroundings) {
  return {
    isPerson: flag(piece.speaker === "person"),
    isAboutPerson: flag(piece.speaker === "note" && piece.kind === "preference"),
    isFailure: flag(piece.kind === "failure"),
    conclusion: flag(piece.conclusion !== ""),
    siblings: Math.min(3, piece.siblings / 3),
    isFirst: flag(piece.place === 0),
    position,
    notePieces: Math.min(3, pieces / 10),
  };
}

/**
 * Forms that notes written on purpose are full of: a rule, a failure with its way out, a plain fact about how something
 * is run, reached or limited, or why it is so.
 */
function formsOf(piece: Piece) {
  const { text, speaker, kind, section } = piece;
  const isUsable = isPlain(piece);
  const plain = flag(speaker === "note" && kind !== "failure" && isUsable && !INTERNALS.test(text));
  return {
    plainNumber: plain * flag(tellsNumber(text)),
    plainCode: plain * flag(tellsCode(text)),
    plainReason: plain * flag(isReasoned(text)),
    plain: flag(isUsable),
    rule: flag(isUsable && isRule(piece)),
    plainFact: plain * flag(isPlainFact(text)),
    wayOut: flag(kind === "failure" && section === "failure" && isUsable && hasWayOut(text)),
    skipped: flag(section === "skip"),
  };
}

/** How people and agents speak while they work, and how they speak when they mean it. */
function speechOf(text: string) {
  return {
    nextStep: flag(NEXT_STEP.test(text)),
    point: flag(POINT.test(text)),
    asks: flag(/[?？]/.test(text)),
    cutEnd: flag(/…|\.\.\.$/.test(text)),
    changeVerb: flag(CHANGE_VERB.test(text)),
    checks: flag(/\b(?:tests?|lint|linter|build)\b/i.test(text)),
    documents: flag(/\b(?:docs?|readme|changelog|comment)\b/i.test(text)),
    stressed: flag(STRESSED.test(text)),
    capitals: Math.min(3, (text.match(/(?<![`\w.-])[A-Z]{2,}(?![\w.-])/g)?.length ?? 0) / 2),
    we: flag(/\b(?:we|our|us)\b/i.test(text)),
    should: flag(/\b(?:should|shouldn['’]t)\b/i.test(text)),
    only: flag(/\b(?:only|just)\b/i.test(text)),
    pointer: flag(hasWordOf("pointer", text)),
    pointers: Math.min(3, (text.match(POINTERS)?.length ?? 0) / 2),
  };
}

/** What comes next in the session at hand. */
const NEXT_STEP = /^\W*(?:let me|now let|i['’]ll|now i|let['’]s|i need|i have|i see|good|look|ok)\b/i;
/** An answer to one of several numbered points. */
const POINT = /^\W*(?:obs|observation|fix|mi[ip]|finding|phase|chunk|part|step|option|ad+ress)\b|^\(?\d+/i;
const CHANGE_VERB =
  /\b(?:added|removed|renamed|moved|updated|replaced|changed|extracted|deleted|fixed|created|dropped|introduced|wired|refactored)\b/i;
/** Words that people write in capitals when they mean them. */
const STRESSED = /\b(?:NOT|NO|ALL|MUST|NEVER|ALWAYS|ONLY|EXACTLY|WHY|DO|ANYTHING|RIGHT|IS|ARE)\b/;
const POINTERS = /\b(?:this|that|these|those|it|them|they|there|here|its)\b/gi;

/** What only counts together. */
function togetherOf(piece: Piece, named: readonly Word[], has: Record<WordClass, number>) {
  const isPerson = flag(piece.speaker === "person");
  const isReport = has.report || has.reportAfter;
  return {
    personLasting: isPerson * has.lasting,
    personDemand: isPerson * has.demand,
    personQuestion: isPerson * flag(/[?？]/.test(piece.text)),
    personMood: isPerson * has.mood,
    identifierState: flag(named.length > 0) * has.state * (1 - has.report) * (1 - has.talk),
    behaviour: has.state * has.condition * (1 - isReport),
    clean: (1 - isReport) * (1 - has.talk) * (1 - has.errand) * flag(!/[?？:：]$/.test(piece.text)),
  };
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
