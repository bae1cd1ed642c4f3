import { condensedFailure, fitted, plainLine, quotationIn, sentencesOf, unmarked, widthOf } from "./prose.ts";
import { isWish, type Kind, kindOf, labelled, type Section } from "./sections.ts";

/** One sentence of a note, or one that leans on the sentence before it: the smallest thing that is kept or left. */
export interface Piece {
  readonly kind: Kind;
  /** One plain line, printable as it is; a person's words without the quotation marks around them. */
  readonly text: string;
  readonly speaker: "person" | "note";
  readonly section: Section;
  /** What the note concludes from a person's words, `-> …`; empty when there is nothing. */
  readonly conclusion: string;
  /** The list item or paragraph as the note has it. */
  readonly source: string;
  /** Pieces of one list item or paragraph share a block. */
  readonly block: number;
  /** Place among the pieces of its block, and how many there are. */
  readonly place: number;
  readonly siblings: number;
}

/** A piece before it is known where in its note it stands. */
export type LoosePiece = Omit<Piece, "source" | "block" | "place" | "siblings">;

/** Markup by which models call tools or change roles; in a note it can only be meant for the reader. */
const TOOL_MARKUP =
  /<\/?[\w:-]*(?:tool_?(?:call|use|result)s?|function_?(?:call|result)s?|invoke|parameter|system|assistant|user)[\w:-]*[\s>/]|<\|\w+\|>/i;

/** Characters of one list item or paragraph that are read. */
const LONGEST_BLOCK = 6_000;
/** Columns of a printed statement; sentences are joined up to this width. */
export const STATEMENT_WIDTH = 300;

/**
 * The pieces of one list item or paragraph. Whether it speaks to a model is asked of those that are kept (statement.ts).
 */
export function piecesIn(markdown: string, section: Section): readonly LoosePiece[] {
  // Nothing but code says nothing; lists of commands are half of many notes.
  if (/^\W*`[^`]*`\W*$/.test(markdown)) return [];
  if (TOOL_MARKUP.test(markdown)) return [];
  const text = plainLine(markdown.slice(0, LONGEST_BLOCK));
  const label = labelled(text);
  if (label?.kind === "skip") return [];
  const within = label?.kind ?? section;
  const line = label?.rest ?? text;
  const quoted = quotationIn(line);
  if (quoted !== null && (quoted.tail === "" || within === "preference" || !isKind(within))) {
    const rest = quoted.rest === "" ? [] : piecesIn(quoted.rest, section);
    return [...piecesOfQuotation(quoted.words, quoted.tail, within), ...rest];
  }
  if (within === "failure") {
    const whole = condensedFailure(line);
    if (whole === null) return [];
    if (widthOf(whole) <= STATEMENT_WIDTH) return loose("failure", whole, "note", within);
  }
  return joinLeaning(sentencesOf(line)).flatMap((sentence) => {
    const kind = isWish(sentence)
      ? "preference"
      : isKind(within)
        ? within
        : (kindOf(sentence) ?? "knowledge");
    return loose(kind, fitted(sentence), "note", within);
  });
}

function piecesOfQuotation(words: string, tail: string, section: Section): readonly LoosePiece[] {
  if (tail !== "" && widthOf(words) + widthOf(tail) <= STATEMENT_WIDTH)
    return loose("preference", words, "person", section, tail);
  const sentences = joinLeaning(sentencesOf(words).map((sentence) => sentence.replace(FILLER, "")));
  return sentences.flatMap((sentence, at) =>
    loose("preference", fitted(sentence), "person", section, at === sentences.length - 1 ? tail : ""),
  );
}

function loose(
  kind: Kind,
  line: string,
  speaker: Piece["speaker"],
  section: Section,
  conclusion = "",
): readonly LoosePiece[] {
  // A note's own "[Task 3]" would read as a reference of the handbook's.
  const text = unmarked(line).replace(/(?:\s*\[Task \d+\])+(?=\W*$)/g, "");
  const isEmpty = !/\p{L}{2}|[\u3040-\u30ff\u3400-\u9fff]/u.test(text);
  return isEmpty ? [] : [{ kind, text, speaker, section, conclusion }];
}

function isKind(section: Section): section is Kind {
  return section === "preference" || section === "knowledge" || section === "failure";
}

/** Words people open a sentence with that say nothing. */
const FILLER =
  /^(?:(?:ok(?:ay)?|ah+|oh|uh+|hm+|mm+k?|well|yeah|yup|no man|dude|man|k|so|and|also|but|finally|actually)(?:\.{2,4}|…|,|!|\s[-–—])\s+)+/i;

/** A sentence that leans on the one before ("It …", "Otherwise …") stays with it while both are short enough. */
function joinLeaning(sentences: readonly string[]): readonly string[] {
  const joined: string[] = [];
  for (const sentence of sentences) {
    const last = joined.at(-1);
    const leans =
      LEANING.test(sentence) || (sentence.length < 48 && /\b(?:it|this|that|them)\b/i.test(sentence));
    if (
      last !== undefined &&
      leans &&
      !/[?？]$/.test(last) &&
      widthOf(last) + widthOf(sentence) <= STATEMENT_WIDTH
    )
      joined[joined.length - 1] = `${last} ${sentence}`;
    else joined.push(sentence);
  }
  return joined;
}

const LEANING =
  /^(?:it|its|this|that|these|those|they|he|she|so|then|but|and|also|otherwise|which|both|alone|the (?:fix|cause|reason|solution|lesson|same|former|latter)\b|because|therefore|instead|das|dies|deshalb|darum|sonst|cela|ceci|sinon|esto|eso|por eso|それ|これ|这|它|因此|所以|否则)(?:\s|,|:|(?<=[\u3040-\u9fff]))/iu;
