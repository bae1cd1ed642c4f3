/**
 * One line of plain words out of a piece of Markdown: emphasis, links, HTML, headings and list marks go, code spans stay
 * in their backticks, and nothing is left at the start that could be read as structure.
 */
export function plainLine(markdown: string): string {
  return unmarked(outsideCode(singleSpaced(markdown), withoutMarkup).replace(/\s+/g, " ").trim());
}

function withoutMarkup(text: string): string {
  if (!/[[<*_~]/.test(text)) return text;
  return text
    .replace(/!\[([^[\]]{0,200})\]\([^()\s]{0,500}\)/g, "$1")
    .replace(/\[([^[\]]{1,300})\]\((https?:[^()\s]{1,300})\)/g, "$1 ($2)")
    .replace(/\[([^[\]]{1,300})\]\([^()\s]{0,500}\)/g, "$1")
    .replace(/<\/?[a-zA-Z][a-zA-Z0-9-]{0,30}(?:\s[^<>]{0,300})?\/?>/g, " ")
    .replace(/\*\*|__(?=\S)|(?<=\S)__(?!\w)/g, "")
    .replace(/~~/g, "")
    .replace(/(?<![\w*\\/])\*(?=[^\s*])([^*]{1,300}?)(?<=\S)\*(?![\w*])/g, "$1")
    .replace(/(?<![\w\\/])_(?=[^\s_])([^_]{1,300}?)(?<=\S)_(?!\w)/g, "$1");
}

/** White space of any kind and length as one space. */
function singleSpaced(text: string): string {
  return /[^\S ]| {2}/.test(text) ? text.replace(/\s+/g, " ") : text;
}

/** Comments can hold words no reader of the rendered note ever saw. An unclosed one hides the rest. */
export function withoutComments(markdown: string): string {
  let rest = markdown;
  let kept = "";
  for (;;) {
    const open = rest.indexOf("<!--");
    if (open < 0) return kept + rest;
    kept += `${rest.slice(0, open)} `;
    const close = rest.indexOf("-->", open + 4);
    if (close < 0) return kept;
    rest = rest.slice(close + 3);
  }
}

/** Applies `change` to what lies outside of backticks. */
function outsideCode(text: string, change: (text: string) => string): string {
  if (!text.includes("`")) return change(text);
  const parts = text.split(/(`{1,3}[^`]{1,400}`{1,3})/);
  return parts.map((part, at) => (at % 2 === 0 ? change(part) : codeSpan(part))).join("");
}

/** A block squeezed into a line is no code span: left out when long, and its language tag in any case. */
function codeSpan(span: string): string {
  const isBlock = span.startsWith("```");
  const code = span.replace(isBlock ? /^`+(?:[a-z]{1,12}\s)?|`+$/g : /^`+|`+$/g, "").trim();
  return code === "" || (isBlock && code.length > 80) ? "" : `\`${code}\``;
}

/** Leading list, heading, quote, check-box, emoji and numbering marks; stray backtick runs. */
export function unmarked(line: string): string {
  let text = line;
  // Two letters or code at the start are no mark.
  for (let round = /^(?:[A-Za-z]{2}|`[^`])/.test(line) ? 6 : 0; round < 6; round++) {
    const next = text
      .replace(/^(?:[-*+>|•◦▪‣–—·#=~]+\s*|\[[ xX]\]\s+|\(?\d{1,3}[.)]\s+|[a-zA-Z][.)]\s+)/, "")
      .replace(/^(?:\p{Extended_Pictographic}|\ufe0f|\u200d)+\s*/u, "");
    if (next === text) break;
    text = next;
  }
  return singleSpaced(text.includes("```") ? text.replace(/`{3,}\w*/g, " ") : text).trim();
}

const closers = "\"'”’»)\\]`*";
const abbreviation =
  /(?:^|[\s(])(?:e\.g|i\.e|etc|vs|cf|approx|resp|incl|no|nr|vol|fig|dr|mr|mrs|ms|prof|st|z\.\s?b|d\.\s?h|u\.\s?a|bzw|ca|usw|ggf|evtl|inkl|p\.\s?ej|p\.\s?ex|ex|art|sr|sra|av|max|min)\.$/i;

/**
 * Splits prose into sentences without cutting code spans, quotations' ends, URLs, numbers, file names or abbreviations.
 * Chinese and Japanese full stops end a sentence without a following space.
 */
export function sentencesOf(text: string): readonly string[] {
  if (!/[.!?。！？｡]/.test(text)) return text.trim() === "" ? [] : [text.trim()];
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

/** Characters of the longest statement; wide characters count twice. */
const statementWidth = 300;

/**
 * A text at a sensible length: its first whole sentences where one fits, else cut at a word boundary with an ellipsis.
 * A text that came in already cut off loses its torn last sentence if enough is left.
 */
export function fitted(text: string, width = statementWidth): string {
  if (text.length <= width && ASCII.test(text) && !/\.\.\.["”']?$|\s\s/.test(text)) return text.trim();
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

const ASCII = /^[\x00-\x7f]*$/;

/** How wide a text shows: Chinese, Japanese, Korean and emoji take two columns. */
export function widthOf(text: string): number {
  if (ASCII.test(text)) return text.length;
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

/** A user's own words in a note: the words, the marks around them, and what the note concludes from them. */
export interface Quotation {
  readonly open: string;
  readonly words: string;
  readonly close: string;
  /** `-> …` or a remark in parentheses; empty when there is none. */
  readonly tail: string;
  /** Sentences of the note that follow it. */
  readonly rest: string;
}

const speaker =
  /^(?:(?:the |der |die |el |la )?(?:user|benutzer(?:in)?|nutzer(?:in)?|usuari[oa])|l['’]utilisat(?:eur|rice)|用户|使用者|ユーザー(?:は|が|さん)?)(?: (?:then|also|later|again|once more|hat|a|ha|repeatedly))*\s?(?:said|says|asked|wrote|told(?: me| us)?|replied|corrected|complained|answered|repeated|repeats|insisted|sagte|sagt|gesagt|schrieb|dit|demandé|écrit|dijo|dice|dicho|pidió|说(?:过|了)?|表示|要求|曰く|いわく)?(?: again| once more)?\s?[:：,，]?\s*(?=["“„«「『‘'])/iu;
const closing: Readonly<Record<string, string>> = {
  '"': '"',
  "“": "”",
  "„": '“"”',
  "«": "»",
  "「": "」",
  "『": "』",
  "‘": "’",
  "'": "'",
};

/** Reads `the user said: "…" -> …` and its like in other languages, or a line that begins with the quotation itself. */
export function quotationIn(text: string): Quotation | null {
  const lead = speaker.exec(text)?.[0] ?? "";
  const open = text.charAt(lead.length);
  const closers = closing[open];
  if (closers === undefined || (lead === "" && open === "'")) return null;
  const start = lead.length + 1;
  for (let at = start; at < text.length; at++) {
    const mark = text.charAt(at);
    const words = text.slice(start, at).trim();
    if (!closers.includes(mark) || !isBalanced(words) || (mark === '"' && /\s$/.test(text.slice(start, at))))
      continue;
    const tail = text.slice(at + 1).trim();
    if (endsHere.test(tail))
      return { open, words, close: mark, tail: tail.replace(/^[.。,;)]$/, ""), rest: "" };
    const next = /^[.。]\s*(?=\p{Lu}|\p{Lo})/u.exec(tail)?.[0];
    if (next !== undefined && lead !== "")
      return { open, words, close: mark, tail: "", rest: tail.slice(next.length) };
    if (/^\p{Ll}/u.test(tail) && lead !== "") return { open, words, close: mark, tail, rest: "" };
    if (/[.!?。！？]$/.test(words) && /^\p{Lu}/u.test(tail))
      return { open, words, close: mark, tail: "", rest: tail };
  }
  return lead === ""
    ? null
    : { open, words: text.slice(start).trim(), close: closers.charAt(0), tail: "", rest: "" };
}

const endsHere = /^(?:$|[.。,;)]$|->|→|=>|\(|（|[,;] |[—–-] )/;

/** No quotation inside is left open. */
function isBalanced(words: string): boolean {
  return (words.split('"').length - 1) % 2 === 0;
}

/** Directory listings, prompts, diffs, hashes, log lines, stack frames, serialised data. */
export function isDump(text: string): boolean {
  return (
    /^(?:\$ |> |% |>>> |\+\+\+ |--- |@@ |diff --git|index [0-9a-f]{7})/.test(text) ||
    /(?:^|\s)[-d][rwx-]{9}[@+.]?\s|^total \d+\b/.test(text) ||
    /^\[?\d{1,4}[-/:]\d{1,2}[-/:]\d{1,4}[ T]\d{1,2}:\d{2}/.test(text) ||
    /^(?:=== |--- )?(?:RUN|PASS|FAIL|SKIP|ok)\b[ :]+\S*(?:Test|\/|\()/.test(text) ||
    /^\s?at \S+ ?\(|^(?:Traceback|File "[^"]+", line \d+|goroutine \d+)|^\s?\^+\s*$/.test(text) ||
    /^[[{].*[\]}]$|^\{\s?"|":\s?[{["]/.test(text) ||
    /^(?:import|export|const|let|var|func|def|class|return|package|use|using|public|private|if \(|for \()\s[^.]*[;{}=()]\s*$/.test(
      text,
    ) ||
    /\b[A-Za-z0-9+/]{80,}={0,2}\b/.test(text)
  );
}

const telling =
  /\b(?:fatal|error|panic|exception|cannot|can't|could not|couldn't|unable to|undefined|not found|no such file|denied|refused|timed out|timeout|unexpected|unrecognized|unknown|invalid|missing|required|unsupported|deprecated|conflict|unused|not properly formatted|illegal|already exists|does not exist|is not|mismatch|failed to|out of memory|segmentation fault|malformed)\b/i;
const starts =
  /(?:fatal|error|panic|[A-Z]\w+(?:Error|Exception)|npm ERR!|E[A-Z]{4,12})\s?[:!\]]|\w[\w ./-]{0,60}: (?:command not found|no such file or directory|permission denied|not found)|command not found: \S+/gi;

/**
 * The one line of a failing command's output worth keeping, without exit codes, file positions and counters, or null
 * when the output only says that something failed. Text that isn't raw output comes back as it is.
 */
export function condensedFailure(text: string): string | null {
  if (!isRawOutput(text)) return text;
  const body = text
    .replace(/^(?:error:\s*)?(?:command failed with )?exit (?:code|status):? \d+[:.,]?\s*/i, "")
    .replace(/^\(eval\):\d+:\s*/, "");
  if (
    /^(?:--- )?FAIL\b|^=== RUN|^ok\s|^total \d|^\[request interrupted|process completed with exit code/i.test(
      body,
    )
  )
    return null;
  starts.lastIndex = 0;
  const begin = starts.exec(body)?.index ?? 0;
  const line = withoutPositions(body.slice(begin, begin + 400))
    .split(/\s(?:=== |--- |\^|[A-Z]+: \d{4}\/|at \S+ \(|usage:|hint:|\d+ issues?:|•)|\s{3,}|…$/)[0]
    ?.trim();
  if (line === undefined || line.length < 12 || !telling.test(line) || isDump(line)) return null;
  return line.split(/\s+/).length < 3 ? null : line;
}

function isRawOutput(text: string): boolean {
  return (
    /^(?:exit (?:code|status)\b|\(eval\)|--- FAIL|FAIL\b|=== RUN|fatal:|error:|panic:|npm ERR!|Traceback|\S+\.\w{1,4}:\d+:\d+:)/i.test(
      text,
    ) || /^(?:\w+Error|\w+Exception):/.test(text)
  );
}

/** `path/file.go:12:3: message` says `message`; where it was is gone tomorrow. */
function withoutPositions(line: string): string {
  return line
    .replace(/^(?:# \S+(?: \[\S+\])?\s)+/, "")
    .replace(/^\d{1,4}: (?=\D)/, "")
    .replace(
      /(?<=\((?:gofmt|goimports|gofumpt|govet|errcheck|unused|staticcheck|typecheck|revive|prettier|eslint)\)).*$/,
      "",
    )
    .replace(/^(?:\.?\/?[\w@./-]{1,200}\.\w{1,5}:\d+(?::\d+)?:?\s*)+(?:: )?/, "")
    .replace(/\s(?:\.?\/?[\w@./-]{1,200}\.\w{1,5}:\d+:\d+:.*)$/, "")
    .replace(/\s\(\d+(?:\.\d+)?m?s\)/g, "");
}
