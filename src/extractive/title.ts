import { isInstruction } from "../text/injection.ts";
import { disguisesText, readableText } from "../text/sanitize.ts";
import { withoutShapedSecrets } from "../text/secret-shapes.ts";
import { isDump } from "./dump.ts";
import { cutAtWord } from "./fit.ts";
import { plainLine, withoutComments } from "./plain.ts";
import { sentencesOf } from "./sentences.ts";
import { wordsOf } from "./words.ts";

export interface Title {
  readonly text: string;
  /** 0 says nothing ("Address 3"), 3 and more names a subject. */
  readonly quality: number;
}

/** The best title among what a note, its head and its recap call the session. Earlier candidates win ties. */
export function bestTitle(
  candidates: readonly (string | null | undefined)[],
  lastResort: string | null = null,
): Title {
  const titles = candidates.flatMap((candidate) => (candidate ? [{ ...titleOf(candidate), candidate }] : []));
  if (lastResort !== null) {
    const title = titleOf(lastResort);
    titles.push({ text: title.text, quality: Math.min(1, title.quality), candidate: lastResort });
  }
  const ranked = titles.filter(({ quality }) => quality > 0).sort((a, b) => b.quality - a.quality);
  const best = ranked.find(({ candidate, text }) => !isInstruction(candidate) && !isInstruction(text));
  return best === undefined
    ? { text: "", quality: 0 }
    : { text: withoutShapedSecrets(best.text), quality: best.quality };
}

function titleOf(candidate: string): Title {
  const raw = withoutComments(readableText(candidate.slice(0, 2_000)));
  if (disguisesText(candidate)) return { text: "", quality: 0 };
  const plan = /#\s*(?:plan|fix|feature)\s*:\s*([^#]{8,200})/i.exec(raw)?.[1];
  const line = plainLine((plan ?? raw).replace(/```[\s\S]*?(?:```|$)/g, " ")).replace(/\s#{1,6}\s.*$/, "");
  const opened = withoutOpening(line);
  const text = capital(cutAtWord(withoutOpening(firstTelling(opened)), 90).replace(/[.:;,。]+$/, ""));
  return { text, quality: qualityOf(text) };
}

/** The first sentence, with what follows it while it alone says too little. */
function firstTelling(text: string): string {
  let told = "";
  for (const sentence of sentencesOf(text.slice(0, 600))) {
    told = told === "" ? sentence : `${told} ${sentence}`;
    if (tellingWords(told) >= 3) break;
  }
  return told;
}

function tellingWords(text: string): number {
  return wordsOf(text).filter((word) => !/^[\d#]+$/.test(word.stem)).length;
}

/** Greetings, prompts and the verbs people open a request with. */
function withoutOpening(line: string): string {
  let text = line;
  for (let round = 0; round < 5; round++) {
    const next = text.replace(openings, "").replace(/^["“'`(]+(?=\p{L})/u, "");
    if (next === text || next.length < 12) break;
    text = next;
  }
  return text;
}

const openings =
  /^(?:\[[^\]]{0,160}\]\s*|_*agent - sidechain(?: \([^)]{0,80}\))?[_*\s]*|(?:ok(?:ay)?|so|hey|hi|hello|please|now|right now|alright|well|also|then|and|uh+|um+|hmm+)[,.… ]+|(?:let'?s|let us|can you|could you|would you|we (?:want|need) to|i (?:want|need|would like|'?d like) (?:you )?to|you need to|need to|help me(?: to)?|going to)\s+|(?:take a look at|look at|have a look at|consider|short session:|implement the following plan:?|the user (?:wants|wanted|asked|asks|needs) (?:to |for |that )?)\s*|[\u26a0\u2716\u274c\u2705\u{1f300}-\u{1faff}]\ufe0f?\s*)/iu;

function qualityOf(text: string): number {
  let quality = Math.min(tellingWords(text), 5) * 0.7;
  if (/…$/.test(text)) quality -= 1.2;
  if (/\?$/.test(text)) quality -= 0.5;
  if (/^(?:ad+ress|proceed|continue|finish|fix|do|let'?s do)\b[\s\d,#/&and.:-]*(?:\w+\s?){0,2}$/i.test(text))
    quality -= 3;
  if (/^(?:why|what|where|how|uh|hmm|that'?s|this|it|there'?s|i'?ve got|i just|here)\b/i.test(text))
    quality -= 1;
  if (/(?:\/[\w.-]+){4,}|https?:\/\/|\[\d|\b\d\d:\d\d\b/.test(text)) quality -= 1.5;
  if (/\bsidechain\b/.test(text)) quality -= 3;
  if (isDump(text) || text.length < 8) quality -= 2;
  return Math.max(0, quality);
}

function capital(text: string): string {
  return /^[a-z][a-z]*\s/.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
}
