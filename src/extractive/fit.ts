import { sentencesOf } from "./sentences.ts";

/** Characters of the longest statement; wide characters count twice. */
const statementWidth = 300;

/**
 * A text at a sensible length: its first whole sentences where one fits, else cut at a word boundary with an ellipsis.
 * A text that came in already cut off loses its torn last sentence if enough is left.
 */
export function fitted(text: string, width = statementWidth): string {
  const sentences = sentencesOf(text);
  const torn = /(?:…|\.\.\.)["”']?$/.test(text) && sentences.length > 1;
  const whole = torn ? sentences.slice(0, -1) : sentences;
  let kept = "";
  for (const sentence of whole) {
    const next = kept === "" ? sentence : joinSentences(kept, sentence);
    if (widthOf(next) > width) break;
    kept = next;
  }
  if (widthOf(kept) >= Math.min(40, width / 2) || (kept !== "" && !torn && whole.length === 1)) return kept;
  return widthOf(text) <= width ? text : cutAtWord(text, width);
}

/** How wide a text shows: Chinese, Japanese, Korean and emoji take two columns. */
export function widthOf(text: string): number {
  let width = 0;
  for (const letter of text)
    width +=
      /[\u1100-\u11ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uff60]|[\u{1f000}-\u{1faff}\u{20000}-\u{3ffff}]/u.test(
        letter,
      )
        ? 2
        : 1;
  return width;
}

export function cutAtWord(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let cut = "";
  let used = 0;
  for (const letter of text) {
    used += widthOf(letter);
    if (used > width - 1) break;
    cut += letter;
  }
  const space = cut.lastIndexOf(" ");
  const words = space > cut.length * 0.6 ? cut.slice(0, space) : cut;
  const even = (words.split("`").length - 1) % 2 === 1 ? words.slice(0, words.lastIndexOf("`")) : words;
  return `${even.replace(/[\s,;:–—(["“-]+$/u, "")}…`;
}

function joinSentences(a: string, b: string): string {
  return /[。！？｡]$/.test(a) ? a + b : `${a} ${b}`;
}
