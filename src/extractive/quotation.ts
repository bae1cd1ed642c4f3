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
