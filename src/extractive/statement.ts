import { isInstruction } from "../text/injection.ts";
import { withoutShapedSecrets } from "../text/secret-shapes.ts";
import { isWish, kindOf } from "./classify.ts";
import { condensedFailure } from "./failure-line.ts";
import { fitted, widthOf } from "./fit.ts";
import { isNoise } from "./noise.ts";
import { plainLine, unmarked } from "./plain.ts";
import { type Quotation, quotationIn } from "./quotation.ts";
import { type Kind, labelled, type Section } from "./sections.ts";
import { sentencesOf } from "./sentences.ts";
import { worthKeeping, worthOf } from "./worth.ts";

/** Something one session says, ready to be printed: one plain line, safe, of a kind, with a worth. */
export interface Statement {
  readonly kind: Kind;
  readonly text: string;
  readonly worth: number;
}

/**
 * Statements in one list item or paragraph. An item is one statement when it fits; prose is one for each sentence.
 * A piece that speaks to a model is left out whole, since the sentence that does it may not be the one that harms.
 */
export function statementsIn(markdown: string, section: Section, isProse: boolean): readonly Statement[] {
  if (section === "skip") return [];
  if (isInstruction(markdown)) return [];
  const text = plainLine(withoutShapedSecrets(markdown.slice(0, 6_000)));
  const label = labelled(text);
  if (label?.kind === "skip") return [];
  const within = label?.kind ?? (section === "task" || section === "other" ? null : section);
  const line = label?.rest ?? text;
  const said = quotationIn(line);
  if (said !== null && said.rest !== "") return [...quoted(said), ...statementsIn(said.rest, section, true)];
  const pieces = isProse && said === null ? leaningJoined(sentencesOf(line)) : [line];
  return pieces.flatMap((piece) => statementOf(piece, within));
}

function statementOf(piece: string, section: Kind | null): readonly Statement[] {
  const said = quotationIn(piece);
  if (said !== null && (section === null || section === "preference" || said.tail === ""))
    return quoted(said);
  const kind = isWish(piece) ? "preference" : (section ?? kindOf(piece) ?? "knowledge");
  const words = kind === "failure" ? condensedFailure(piece) : piece;
  return words === null || isNoise(words) ? [] : kept(kind, fitted(words), section !== null);
}

/** A quotation is always a wish; of a long message, the sentences that state one, in the user's own words and order. */
function quoted({ open, words, close, tail }: Quotation): readonly Statement[] {
  if (isNoise(words) && tail === "") return [];
  const whole = `${open}${words}${close}${tail === "" ? "" : ` ${tail}`}`;
  if (tail !== "" && widthOf(whole) <= 300) return kept("preference", whole, true);
  const sentences = sentencesOf(words).map((sentence) => sentence.replace(filler, ""));
  const least = sentences.length === 1 ? worthKeeping : worthKeeping + 1;
  const wishes = sentences.filter(
    (sentence) => !isNoise(sentence) && worthOf("preference", sentence, true) >= least,
  );
  if (wishes.length === 0) return [];
  const chosen =
    wishes.length === sentences.length ? words.replace(filler, "") : wishes.slice(0, 3).join(" ");
  // Straight quotes inside straight quotes can't be told apart.
  const inner = open === '"' ? fitted(chosen).replaceAll('"', "'") : fitted(chosen);
  return kept("preference", `${open}${inner}${close}`, true);
}

function kept(kind: Kind, line: string, isFromSection: boolean): readonly Statement[] {
  const text = unmarked(line);
  if (isNoise(text) || isInstruction(text)) return [];
  const worth = worthOf(kind, text, isFromSection);
  return worth < worthKeeping ? [] : [{ kind, text, worth }];
}

const filler =
  /^(?:(?:ok(?:ay)?|ah+|oh|uh+|hm+|mm+k?|well|yeah|yup|no man|dude|man|k|so|and|also|but|finally|actually)(?:\.{2,4}|…|,|!|\s[-–—])\s+)+/i;

/** A sentence that leans on the one before ("It …", "Otherwise …") stays with it while both are short enough. */
function leaningJoined(sentences: readonly string[]): readonly string[] {
  const joined: string[] = [];
  for (const sentence of sentences) {
    const last = joined.at(-1);
    const leans =
      leaning.test(sentence) || (sentence.length < 48 && /\b(?:it|this|that|them)\b/i.test(sentence));
    if (last !== undefined && leans && widthOf(last) + widthOf(sentence) <= 300)
      joined[joined.length - 1] = `${last} ${sentence}`;
    else joined.push(sentence);
  }
  return joined;
}

const leaning =
  /^(?:it|its|this|that|these|those|they|he|she|so|then|but|and|also|otherwise|which|both|alone|the (?:fix|cause|reason|solution|lesson|same|former|latter)\b|because|therefore|instead|das|dies|deshalb|darum|sonst|cela|ceci|sinon|esto|eso|por eso|それ|これ|这|它|因此|所以|否则)(?:\s|,|:|(?<=[\u3040-\u9fff]))/iu;
