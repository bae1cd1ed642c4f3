import { FEATURE_NAMES, featuresOf, type Surroundings } from "./features.ts";
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
