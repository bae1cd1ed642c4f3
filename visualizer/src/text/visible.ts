/**
 * Texts come from strangers. What would act on the screen instead of being read is replaced by a mark that can be
 * read: control characters, escape sequences, direction overrides, invisible letters, halves of letters.
 * Tabs and line ends stay.
 */
export function visible(text: string): string {
  return text.replace(HIDDEN, mark);
}

/** One line of it: line ends are marked too. */
export function visibleLine(text: string): string {
  return text.replace(HIDDEN_OR_BREAK, mark);
}

/** The first `length` characters, and how many were left out. */
export function shortened(text: string, length: number): { readonly text: string; readonly left: number } {
  if (text.length <= length) return { text, left: 0 };
  return { text: text.slice(0, length), left: text.length - length };
}

// C0 without tab and line end · DEL and C1 · soft hyphen, Arabic letter mark, Mongolian separator · zero widths,
// marks and overrides of direction, separators, joiners · byte order mark, annotations · tags · lone surrogates
const SOURCE =
  "\\u{0}-\\u{8}\\u{b}-\\u{1f}\\u{7f}-\\u{9f}\\u{ad}\\u{61c}\\u{180e}\\u{200b}-\\u{200f}\\u{2028}-\\u{202e}\\u{2060}-\\u{206f}\\u{feff}\\u{fff9}-\\u{fffb}\\u{e0000}-\\u{e007f}\\u{d800}-\\u{dfff}";
const HIDDEN = new RegExp(`[${SOURCE}]`, "gu");
const HIDDEN_OR_BREAK = new RegExp(`[${SOURCE}\\t\\n]`, "gu");

function mark(letter: string): string {
  const code = letter.codePointAt(0) ?? 0;
  if (code === 0x0a) return "⏎";
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  if (code === 0x7f) return "␡";
  return `‹${code.toString(16).toUpperCase().padStart(4, "0")}›`;
}
