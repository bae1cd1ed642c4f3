import { hasWordOf } from "../extractive/lexicon.ts";
import { sentencesOf } from "../extractive/prose.ts";
import { isForgedStructure, isInstruction } from "../text/injection.ts";

/**
 * How far what a person asked for reaches: *general* holds beyond the session by its own words, *open* may or may not,
 * *task* is about what was at hand. Only the first is told as a preference; what is open becomes one when it is said in
 * other sessions, too.
 */
export type Scope = "general" | "open" | "task";

export interface Sentence {
  /** Word for word as it stands in the utterance. */
  readonly text: string;
  readonly scope: Scope;
  /** Says what is the case, rather than what is to be done. */
  readonly isStatement: boolean;
}

const LONGEST = 300;
const SHORTEST = 8;

/** Names of the place where somebody works; `this` in front of them binds nothing to the moment. */
const PLACE =
  /\b(?:in|for|of|to|on) (?:this|the|our) (?:whole |entire )?(?:repo(?:sitory)?|project|code ?base|package|workspace|monorepo|team|organi[sz]ation)\b|\bin (?:diesem|unserem) (?:repo\w*|projekt)\b|\bdans ce (?:dépôt|projet)\b|\ben este (?:repo\w*|proyecto)\b|このリポジトリ|このプロジェクト|这个(?:仓库|项目)/iu;
const BEYOND =
  /\b(?:from now on|in (?:the )?future|going forward|next time|at all times|ab jetzt|in zukunft|künftig|désormais|à l'avenir|a partir de ahora|en adelante)\b|今後|これから|以后|今后/iu;
/** Ties a wish to the moment. */
const BOUND =
  /\b(?:this|these|now|here|again|today|for now|right away|once more|just now|diese\w*|jetzt|hier|nochmal|heute|maintenant|ici|cette|aujourd'hui|ahora|aquí|est[eao]s?|hoy)\b|今(?:回|は|すぐ)|ここ|この|これ|现在|这里|这(?:个|次|些)/iu;

/** Says how something is to be done: keeping, avoiding, one thing rather than another. */
const STEERING =
  /^\W*(?:(?:please|and|also|but|bitte|s'il te plaît|por favor)\b[,.!]*\s+)*(?:(?:keep|prefer|avoid|stop|don['’]?t|do not|make sure|remember|leave|halte|lass|garde|évite|mantén|evita)\b|(?:use|utilise|usa|nutze|verwende)\b.*\b(?:not|instead|rather|for|when|only|statt|nur|au lieu|en vez)\b)/iu;
/** A word that corrects what was; what follows stands without it. */
const CORRECTION = /^(?:no|nope|nein|non|actually|ok(?:ay)?|wait|stop)[,.!]+\s+(?=\p{L})/iu;

/** What a person said, sentence by sentence, without what was pasted in. */
export function personsSentences(text: string): readonly Sentence[] {
  return wholeSentences(text).flatMap((whole) => {
    const isBound = isBoundIn(whole);
    return clausesOf(whole).flatMap((clause) => {
      const sentence = judged(clause, isBound);
      return sentence === null ? [] : [sentence];
    });
  });
}

function judged(clause: string, isBound: boolean): Sentence | null {
  const text = clause.replace(CORRECTION, "");
  if (text.length < SHORTEST || text.length > LONGEST || !isSound(text)) return null;
  const isGeneral =
    (hasWordOf("lasting", text) || PLACE.test(text) || BEYOND.test(text)) && !/[?？]$/.test(text);
  const isWish =
    hasWordOf("demand", text) || hasWordOf("lasting", text) || BEYOND.test(text) || STEERING.test(text);
  const isBoundHere = isBoundIn(text) || (isBound && !hasWordOf("lasting", text));
  const scope =
    isGeneral && isWish && !isBoundHere
      ? "general"
      : isWish && !isBoundHere && !/[?？]$/.test(text)
        ? "open"
        : "task";
  const isStatement =
    scope === "task" &&
    !/[?？]$/.test(text) &&
    hasWordOf("state", text) &&
    !hasWordOf("errand", text) &&
    !hasWordOf("talk", text) &&
    !hasWordOf("mood", text) &&
    !isBoundHere;
  return { text, scope, isStatement };
}

/** Names of the place and words like "from now on" tie nothing to the moment, though they hold "this" and "now". */
function isBoundIn(text: string): boolean {
  return BOUND.test(text.replace(PLACE, "").replace(BEYOND, ""));
}

/** What an answer of the agent claims: no news of what was done, no talk, nothing that only its place explains. */
export function claimsIn(text: string): readonly string[] {
  return wholeSentences(text).filter(
    (sentence) =>
      sentence.length >= 16 &&
      sentence.length <= LONGEST &&
      !/[?？:：…]$/.test(sentence) &&
      isSound(sentence) &&
      !hasWordOf("report", sentence) &&
      !hasWordOf("talk", sentence) &&
      !hasWordOf("self", sentence) &&
      !hasWordOf("anaphora", sentence) &&
      (hasWordOf("state", sentence) || hasWordOf("reason", sentence) || /`[^`]+`|\d/.test(sentence)),
  );
}

/** A title from what a person asked for first. */
export function titleOf(text: string): string | null {
  const [first] = wholeSentences(text).filter((sentence) => sentence.length >= 3 && isSound(sentence));
  if (first === undefined) return null;
  const plain = first.replace(/^[#>*\s-]+/, "").replace(/[.:：。]$/, "");
  if (plain.length <= 90) return plain === "" ? null : plain;
  return `${plain.slice(0, 90).replace(/\s\S*$/, "")}…`;
}

/** Neither an order to a reader of the memory nor a piece of its structure. */
export function isSound(text: string): boolean {
  return !isInstruction(text) && !isForgedStructure(text) && !text.includes("[REDACTED");
}

function wholeSentences(text: string): readonly string[] {
  return text
    .replace(/```[\s\S]*?(?:```|$)/g, "\n")
    .split("\n")
    .filter((line) => !/^\s*(?:>|\||at \S+ \(|[{}[\]])/.test(line))
    .flatMap(sentencesOf)
    .map((sentence) => sentence.replace(/^\s*(?:[-*•]|\d{1,2}[.)])\s+/, "").trim())
    .filter((sentence) => sentence !== "");
}

function clausesOf(sentence: string): readonly string[] {
  return sentence.split(/(?<=;)\s+/).map((clause) => clause.replace(/;$/, "").trim());
}
