import { isWish, kindOf } from "./classify.ts";
import { condensedFailure } from "./failure-line.ts";
import { cutAtWord, fit } from "./fit.ts";
import { hidesText } from "./hidden.ts";
import { isInstruction } from "./instructions.ts";
import { isNoise } from "./noise.ts";
import { plainLine } from "./plain.ts";
import { withoutSecrets } from "./secrets.ts";
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
  if (hidesText(markdown) || isInstruction(markdown)) return [];
  const text = plainLine(withoutSecrets(markdown.slice(0, 6_000)));
  const label = labelled(text);
  if (label?.kind === "skip") return [];
  const inSection = label?.kind ?? (section === "task" || section === "other" ? null : section);
  const line = label?.rest ?? text;
  const pieces = isProse && !/(?:->|→)/.test(line) ? sentencesOf(line) : [line];
  return pieces.flatMap((piece) => statementOf(piece, inSection));
}

function statementOf(piece: string, section: Kind | null): readonly Statement[] {
  const said = quotation(piece);
  const kind = said !== null || isWish(piece) ? "preference" : (section ?? kindOf(piece) ?? "knowledge");
  const own = kind === "failure" ? condensedFailure(piece) : piece;
  const words = said === null ? own : bestWords(said);
  if (words === null || isNoise(words)) return [];
  const text = said === null ? fit(words) : `"${fit(words).replace(/"/g, "'")}"`;
  if (isNoise(text) || isInstruction(text)) return [];
  const worth = worthOf(kind, text, section !== null || said !== null);
  return worth < worthKeeping ? [] : [{ kind, text, worth }];
}

/** The words in `the user said: "…"`, when that is all there is. */
function quotation(text: string): string | null {
  const match =
    /^(?:(?:the )?user|benutzer|nutzer)(?: then| also| later)? (?:said|says|asked|wrote|told|replied|corrected|complained|answered|repeated|sagte)\s*[:,]?\s*["“„«'](.*)$/isu.exec(
      text,
    );
  return match?.[1] === undefined
    ? null
    : match[1].replace(/["”“»'.]+$/u, (end) => (end.includes(".") ? "." : ""));
}

/** Of a longer message, the sentences that state a wish, in the user's own words and order; else its beginning. */
function bestWords(message: string): string | null {
  const sentences = sentencesOf(message).map((sentence) =>
    sentence.replace(
      /^(?:ok(?:ay)?|ah+|uh+|hmm+|well|yeah|yup|no man|dude|man|k|so|and|also|but|finally)(?:\.\.\.|…|,|!|\s-)\s+/i,
      "",
    ),
  );
  const wishes = sentences.filter(
    (sentence) => !isNoise(sentence) && worthOf("preference", sentence, true) >= worthKeeping + 1,
  );
  const kept = wishes.length > 0 ? wishes.slice(0, 3).join(" ") : null;
  return kept === null ? null : cutAtWord(kept.charAt(0).toUpperCase() + kept.slice(1), 300);
}
