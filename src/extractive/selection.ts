import { FEATURE_NAMES, featuresOf, type Surroundings } from "./features.ts";
import { hasWayOut, isPlain, isPlainFact, isRule } from "./forms.ts";
import { hasWordOf } from "./lexicon.ts";
import type { Piece } from "./piece.ts";
import { INTERCEPT, WEIGHTS } from "./selection-weights.ts";

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
  return learned + distilledBonus(piece) + echoBonus(piece, surroundings.echoes);
}

/** A wish said in two sessions holds beyond the first; a trouble may be the same change, so it takes three. */
function echoBonus(piece: Piece, echoes: number): number {
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

/** Whether a note is more than a report: most of its pieces say what is the case, few tell what was done, ask, or talk. */
export function isCleanNote(pieces: readonly Piece[]): boolean {
  const ofNote = pieces.filter(({ speaker, section }) => speaker === "note" && section !== "skip");
  return ofNote.length > 0 && ofNote.filter(isClaim).length >= ofNote.length * CLEAN_FROM;
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
  else if (speaker === "note" && kind !== "failure" && isPlain(piece) && isPlainFact(text)) bonus += 3;
  if (kind === "failure" && section === "failure" && isPlain(piece) && hasWayOut(text)) bonus += 3.5;
  return bonus;
}
