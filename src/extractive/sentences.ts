const closers = "\"'”’»)\\]`*";
const abbreviation =
  /(?:^|[\s(])(?:e\.g|i\.e|etc|vs|cf|approx|resp|incl|no|nr|vol|fig|dr|mr|mrs|ms|prof|st|z\.\s?b|d\.\s?h|u\.\s?a|bzw|ca|usw|ggf|evtl|inkl|p\.\s?ej|p\.\s?ex|ex|art|sr|sra|av|max|min)\.$/i;

/**
 * Splits prose into sentences without cutting code spans, quotations' ends, URLs, numbers, file names or abbreviations.
 * Chinese and Japanese full stops end a sentence without a following space.
 */
export function sentencesOf(text: string): readonly string[] {
  const sentences: string[] = [];
  let start = 0;
  let inCode = false;
  for (let at = 0; at < text.length; at++) {
    const mark = text.charAt(at);
    if (mark === "`") inCode = !inCode && text.indexOf("`", at + 1) > 0;
    if (inCode) continue;
    const end = wideStop(mark) ? closed(text, at + 1) : stopAt(text, at, start);
    if (end < 0) continue;
    const sentence = text.slice(start, end).trim();
    if (sentence !== "") sentences.push(sentence);
    start = end;
    at = end - 1;
  }
  const rest = text.slice(start).trim();
  return rest === "" ? sentences : [...sentences, rest];
}

function wideStop(mark: string): boolean {
  return mark === "。" || mark === "！" || mark === "？" || mark === "｡";
}

/** The position after a Latin sentence end at `at`, or -1. */
function stopAt(text: string, at: number, start: number): number {
  const mark = text.charAt(at);
  if (mark !== "." && mark !== "!" && mark !== "?") return -1;
  const end = closed(text, at + 1);
  const next = text.slice(end, end + 3);
  if (next !== "" && !/^\s/.test(next)) return -1;
  if (mark === ".") {
    const before = text.slice(Math.max(start, at - 14), at + 1);
    if (abbreviation.test(before) || /(?:^|[\s(])\p{L}\.$/u.test(before) || /\.\.\.$/.test(before)) return -1;
    if (/(?:^|\s)\d{1,3}\.$/.test(before)) return -1;
  }
  const first = next.trimStart().charAt(0);
  return first !== "" && first !== first.toUpperCase() ? -1 : end;
}

function closed(text: string, from: number): number {
  let end = from;
  while (
    end < text.length &&
    (closers.includes(text.charAt(end)) ||
      wideStop(text.charAt(end)) ||
      "!?」』）".includes(text.charAt(end)))
  )
    end++;
  return end;
}
