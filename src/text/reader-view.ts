/** A text as a reader sees it, and for each of its characters where it stands in the text itself. */
export interface ReaderView {
  readonly text: string;
  /** The piece of the original text behind `from` to `to` of the view. */
  original(from: number, to: number): readonly [from: number, to: number];
}

/**
 * The views in which a secret can be read: the text itself; without what nobody sees (zero-width characters, terminal colours, marks of
 * removed control characters), with continued lines and joined string literals as one; and, where there are any, with
 * URL and JSON escapes decoded, twice. Linear in the length of the text.
 */
export function readerViews(text: string): readonly ReaderView[] {
  let last = identity(text);
  const views = [last];
  if (UNSEEN.test(text)) {
    last = edited(text, last, UNSEEN_ALL, foldWidth);
    views.push(last);
  }
  for (let round = 0; round < 2 && ESCAPE.test(last.text); round += 1) {
    last = edited(last.text, last, ESCAPE_ALL, decodeEscape);
    views.push(last);
  }
  return views;
}

/** Format characters and fillers · the mark of a control character · colours · a continued line · "a" + "b" · wide Latin. */
const UNSEEN_SOURCE = [
  "(?:\\x1b|\\ufffd)\\[[0-9;]{0,20}[A-Za-z]",
  "[\\p{Cf}\\p{Default_Ignorable_Code_Point}\\ufffd]+",
  "(?:\\\\|(?<=[ \\t])[`^])\\r?\\n[ \\t]{0,40}",
  "[\"'][ \\t]{0,8}(?:[+.][ \\t]{0,8}\\r?\\n?[ \\t]{0,40}|\\r?\\n[ \\t]{0,40}[+.][ \\t]{0,8})[\"']",
  "\\\\(?=/)",
  "[\\uff01-\\uff5e]+",
].join("|");
const UNSEEN = new RegExp(UNSEEN_SOURCE, "u");
const UNSEEN_ALL = new RegExp(UNSEEN_SOURCE, "gu");

/** Wide letters of East Asian input methods read as the narrow ones; everything else that is matched is not seen. */
function foldWidth(found: string): string {
  return /^[\uff01-\uff5e]/.test(found)
    ? found.replace(/./g, (letter) => String.fromCharCode(letter.charCodeAt(0) - 0xfee0))
    : "";
}

const ESCAPE = /%[0-9A-Fa-f]{2}|\\u00[2-7][0-9A-Fa-f]/;
const ESCAPE_ALL = new RegExp(ESCAPE, "g");

/** Printable ASCII only: what is beyond is in no secret. */
function decodeEscape(found: string): string {
  const code = Number.parseInt(found.slice(-2), 16);
  return code > 0x20 && code < 0x7f ? String.fromCharCode(code) : found;
}

function identity(text: string): ReaderView {
  return { text, original: (from, to) => [from, to] };
}

/** The view of a view: each match becomes what `replace` says. Runs that were kept are remembered, not single characters. */
function edited(
  text: string,
  under: ReaderView,
  pattern: RegExp,
  replace: (found: string) => string,
): ReaderView {
  const parts: string[] = [];
  /** Where a run begins in the view, and where its text begins underneath. */
  const starts: number[] = [];
  const origins: number[] = [];
  /** How much of the text underneath one character of the run covers: 1, or all of an escape. */
  const covers: number[] = [];
  let length = 0;
  const add = (piece: string, origin: number, cover: number) => {
    if (piece === "") return;
    parts.push(piece);
    starts.push(length);
    origins.push(origin);
    covers.push(cover);
    length += piece.length;
  };
  let done = 0;
  for (const { 0: found, index } of text.matchAll(pattern)) {
    add(text.slice(done, index), done, 1);
    const replaced = replace(found);
    add(replaced, index, replaced.length === found.length ? 1 : found.length);
    done = index + found.length;
  }
  add(text.slice(done), done, 1);

  function place(at: number): { readonly from: number; readonly to: number } {
    let [low, high] = [0, starts.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((starts[middle] as number) <= at) low = middle;
      else high = middle;
    }
    const cover = covers[low] as number;
    const from = (origins[low] as number) + (cover === 1 ? at - (starts[low] as number) : 0);
    return { from, to: from + cover };
  }
  return {
    text: parts.join(""),
    original: (from, to) => under.original(place(from).from, place(Math.max(from, to - 1)).to),
  };
}
