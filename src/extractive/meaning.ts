import { quotationIn } from "./quotation.ts";
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
  const said = quotationIn(text);
  return said !== null && said.words.length > 8 ? said.words : text;
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
