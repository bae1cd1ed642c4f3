import { isInstruction } from "../text/injection.ts";
import { withoutShapedSecrets } from "../text/secret-shapes.ts";
import { isPasted, type Surroundings, weightOf } from "./features.ts";
import { hasWayOut, INTERNALS, isOfDelivery, isPlain, isPlainFact, isRule } from "./forms.ts";
import { hasWordOf } from "./lexicon.ts";
import { type Piece, STATEMENT_WIDTH } from "./piece.ts";
import { isDump, widthOf } from "./prose.ts";
import type { Kind } from "./sections.ts";
import { INTERCEPT, WEIGHTS } from "./selection-weights.ts";
import { remembering } from "./words.ts";

/** Something one session says, ready to be printed: one plain line, safe, of a kind, with a worth. */
export interface Statement {
  readonly kind: Kind;
  readonly text: string;
  /** Log odds that it is worth keeping. */
  readonly worth: number;
  readonly speaker: Piece["speaker"];
}

/** A piece with what the model makes of it. */
export interface Weighed {
  readonly piece: Piece;
  readonly worth: number;
}

/** In how many of the sessions each sentence is said, whatever stands between its words. */
export function echoesOf(sessions: Iterable<readonly Piece[]>): ReadonlyMap<string, number> {
  const echoes = new Map<string, number>();
  for (const pieces of sessions) {
    const own = new Set<string>();
    const spoken: Record<Piece["speaker"], string[]> = { person: [], note: [] };
    for (const { text, speaker } of pieces) {
      spoken[speaker].push(sentenceKey(text));
    }
    for (const sentence of withoutRepeats(spoken.person, echoes)) own.add(sentence);
    for (const sentence of withoutRepeats(spoken.note, echoes)) own.add(sentence);
    for (const sentence of own) echoes.set(sentence, (echoes.get(sentence) ?? 0) + 1);
  }
  return echoes;
}

/** So many known sentences in a row are a template or an export made twice, which say nothing again. */
const COPIED_FROM = 3;

/** The sentences of a session that count as said by it: all but those of a stretch copied from another. */
function withoutRepeats(sentences: readonly string[], known: ReadonlyMap<string, number>): readonly string[] {
  const kept: string[] = [];
  let row: string[] = [];
  for (const sentence of [...sentences, ""]) {
    if (known.has(sentence)) row.push(sentence);
    else {
      if (row.length < COPIED_FROM) kept.push(...row);
      row = [];
      if (sentence !== "") kept.push(sentence);
    }
  }
  return kept;
}

/** The words of a sentence, whatever stands between them, as the key of its echoes. */
const sentenceKey = remembering(16_384, (text) => {
  const lower = text.toLowerCase();
  const words = /^[\x00-\x7f]*$/.test(lower) ? lower.match(/[a-z0-9]+/g) : lower.match(/[\p{L}\p{N}]+/gu);
  return words?.join(" ") ?? "";
});

export function weigh(
  pieces: readonly Piece[],
  blocks: number,
  echoes: ReadonlyMap<string, number>,
): readonly Weighed[] {
  const isOfCode = isNoteOfCode(pieces);
  const isClean = isCleanNote(pieces);
  const surroundings = surroundingsIn(pieces, blocks);
  return pieces.map((piece) => {
    const own = echoes.get(sentenceKey(piece.text)) ?? 1;
    const isWorthless = isUseless(piece) || (own < 2 && isIdle(piece));
    return {
      piece,
      worth: isWorthless
        ? WORTHLESS
        : worthOf(piece, { ...surroundings(piece), isClean, isOfCode, echoes: own }),
    };
  });
}

/** Below every score of the model. */
const WORTHLESS = -99;

/** What is known of each piece of a note beyond its own text. */
export function surroundingsIn(pieces: readonly Piece[], blocks: number): (piece: Piece) => Surroundings {
  return ({ block }) => ({ position: (block + 1) / Math.max(1, blocks), pieces: pieces.length });
}

/**
 * Tells what was done, or talks, and neither concludes anything nor is listed as a wish: no such statement of the
 * training sessions ever scored enough, so most of a transcript needs no weighing.
 */
function isIdle(piece: Piece): boolean {
  const { text, speaker, section, conclusion } = piece;
  if (conclusion !== "" || (speaker === "note" && section === "preference")) return false;
  return hasWordOf("talk", text) || hasWordOf("report", text) || hasWordOf("reportAfter", text);
}

/** Several pieces come from one block, and people repeat themselves. */
const isOrder = remembering(1_024, isInstruction);

/** What is kept of one subject. Neighbours of one block that are both kept are one statement where they fit. */
export function statementsOf(weighed: readonly Weighed[]): readonly Statement[] {
  const statements: Statement[] = [];
  let last: Piece | null = null;
  for (const { piece, worth } of weighed) {
    if (worth < KEEP_FROM) continue;
    // The sentence that speaks to a model may not be the one that harms, so the whole block goes.
    if (isOrder(piece.source) || (piece.siblings > 1 && isOrder(piece.text))) continue;
    const before = statements.at(-1);
    const isNext =
      last !== null &&
      last.block === piece.block &&
      last.place === piece.place - 1 &&
      last.kind === piece.kind;
    const joined = before === undefined ? "" : `${before.text} ${printed(piece)}`;
    if (before !== undefined && isNext && piece.speaker === "note" && widthOf(joined) <= STATEMENT_WIDTH)
      statements[statements.length - 1] = { ...before, text: joined, worth: Math.max(before.worth, worth) };
    else statements.push({ kind: piece.kind, text: printed(piece), worth, speaker: piece.speaker });
    last = piece;
  }
  return statements;
}

/**
 * Nothing a model needs to judge: raw output, nothing but code, words that break off, a person's question, one errand
 * or what they pasted, where the branch stands today, a note on one line of a file.
 */
function isUseless({ text, speaker, kind, conclusion }: Piece): boolean {
  if (isDump(text) || /^`[^`]*`[.,;]?$/.test(text) || /[:：]$/.test(text)) return true;
  if (/(?:…|\.\.\.)["']?$/.test(conclusion === "" ? text : conclusion)) return true;
  const binds = hasWordOf("lasting", text) || conclusion !== "";
  if (speaker === "person")
    return isErrand(text) || /[?？]|\.{3}.*\.{3}/.test(text) || (!binds && isPasted(text));
  if (kind !== "knowledge" || binds) return false;
  return /^\W*[\w./-]+\.\w{1,5}:\d/.test(text) || isOfDelivery(text);
}

/** Asks for one thing to be done or looked at now, or for points by their numbers. */
function isErrand(text: string): boolean {
  return /^\W*(?:let['’]?s|can you|could you|would you|ad+ress|i don['’]?t (?:know|understand|see)|right now)\b|^\W*\d+(?:, ?\d+)* and \d+\b/i.test(
    text,
  );
}

/** A person's words stay words of a person, with what the note concludes from them. */
function printed({ text, speaker, conclusion }: Piece): string {
  const clean = withoutShapedSecrets(text);
  if (speaker === "note") return clean;
  return `"${clean.replaceAll('"', "'")}"${conclusion === "" ? "" : ` ${conclusion}`}`;
}

/** Where a piece stands, and in how many sessions somebody says the same. */
export interface Occasion extends Surroundings {
  readonly isClean: boolean;
  readonly isOfCode: boolean;
  readonly echoes: number;
}

/**
 * Log odds that a person would want the piece remembered, about -6 to 4. The weights are learned from labelled
 * statements of real sessions: `node scripts/selection.ts` fits them and prints how well they do on sessions that they
 * have not seen.
 */
export function worthOf(piece: Piece, surroundings: Occasion): number {
  const learned = INTERCEPT + weightOf(piece, surroundings, WEIGHTS);
  // Where a note lists requests and steps, nothing was judged worth keeping, however clean the rest.
  if (surroundings.isClean && piece.section !== "skip" && isClaim(piece))
    return Math.max(learned + 3.5, KEEP_FROM + 0.15);
  return learned + distilledBonus(piece, surroundings.isOfCode) + echoBonus(piece, surroundings.echoes);
}

/**
 * A wish said in two sessions holds beyond the first; a trouble may be the same change, so it takes three, and a way
 * out: an error that comes back is no news without one.
 */
function echoBonus(piece: Piece, echoes: number): number {
  if (piece.kind === "failure" && !hasWayOut(piece.text)) return 0;
  if (echoes < (piece.kind === "failure" ? 3 : 2)) return 0;
  const isLong = piece.text.split(/\s+/).length >= 6;
  if (piece.speaker === "person" && isLong && !hasWordOf("mood", piece.text)) return 4.5;
  return isPlain(piece) && isSaying(piece) ? 3 : 0;
}

/** A wish or a trouble, more than a word of agreement. */
function isSaying({ text, kind }: Piece): boolean {
  if (kind === "knowledge") return false;
  if (kind === "preference" && !hasWordOf("lasting", text) && !hasWordOf("demand", text)) return false;
  const isEnough = text.split(/\s+/).length >= 3 || /[\u3040-\u30ff\u3400-\u9fff]{6}/.test(text);
  return isEnough && !hasWordOf("mood", text) && !hasWordOf("process", text) && !hasWordOf("errand", text);
}

/** Share of plain claims from which a note counts as written to be kept, so that they need no other sign. */
const CLEAN_FROM = 0.7;
const CLAIMS = ["state", "demand", "reason", "lasting"] as const;
const VERBAL = [...CLAIMS, "condition", "explains", "denial"] as const;

/**
 * Whether a note is more than a report: most of its pieces say what is the case, few tell what was done, ask, or talk. A
 * note that is for the most part a list of requests and steps is none, whatever else stands in it.
 */
export function isCleanNote(pieces: readonly Piece[]): boolean {
  let own = 0;
  let skipped = 0;
  for (const { speaker, section } of pieces) if (speaker === "note") section === "skip" ? skipped++ : own++;
  if (own === 0 || skipped > own) return false;
  let allowed = own - Math.ceil(own * CLEAN_FROM);
  for (const piece of pieces)
    if (piece.speaker === "note" && piece.section !== "skip" && !isClaim(piece) && --allowed < 0)
      return false;
  return true;
}

/** Share of sentences about the insides of code from which a note is a transcript of work on it. */
const OF_CODE_FROM = 0.25;
/** In fewer sentences, one that names a function says nothing about the note. */
const FEWEST_OF_CODE = 4;

function isNoteOfCode(pieces: readonly Piece[]): boolean {
  const different = [...new Set(pieces.map(({ text }) => text))];
  const count = different.filter((text) => INTERNALS.test(text)).length;
  return different.length >= FEWEST_OF_CODE && count >= different.length * OF_CODE_FROM;
}

/** A plain piece that is a whole sentence, or says with one of few words what is the case. */
function isClaim(piece: Piece): boolean {
  const isWhole =
    /^[^\p{Ll}].*[.。]$/u.test(piece.text) &&
    piece.text.length >= 16 &&
    !isNounPhrase(piece.text) &&
    (!hasWordOf("process", piece.text) || hasWordOf("condition", piece.text));
  return (
    piece.speaker === "note" &&
    isPlain(piece) &&
    (isWhole || CLAIMS.some((name) => hasWordOf(name, piece.text)))
  );
}

/** "Clear justification for each recommendation." has no verb: an item of a list of what was delivered. */
function isNounPhrase(text: string): boolean {
  if (!/^[\x00-\x7f]{1,60}$/.test(text) || text.includes("`")) return false;
  // A verb with an ending stands between the first and the last word; a noun in the plural often ends the phrase.
  const inner = text.split(/\s+/).slice(1, -1);
  const hasVerb = inner.some((word) => /^[a-z]{2,}(?:s|ed|t)$/.test(word)) || inner.length < 2;
  return !hasVerb && !VERBAL.some((name) => hasWordOf(name, text));
}

/** From here on a piece is kept. */
export const KEEP_FROM = 0.75;

/**
 * What neither the labelled sessions nor the invented ones hold enough of for a weight to be learned: a wish with what
 * the note concludes from it, a wish that the note itself lists as one, a rule, a failure with its way out.
 */
function distilledBonus(piece: Piece, isOfCode: boolean): number {
  const { speaker, kind, section, conclusion, text } = piece;
  if (conclusion !== "") return 4;
  if (speaker === "note" && kind === "preference" && section === "preference") return 3.5;
  if (kind === "failure" && section === "failure") return isPlain(piece) && hasWayOut(text) ? 3.5 : 0;
  if (!isPlain(piece)) return 0;
  if (isRule(piece)) return 3.3;
  return speaker === "note" && kind === "knowledge" && !isOfCode && isPlainFact(text) ? 3 : 0;
}
