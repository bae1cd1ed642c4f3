/**
 * The one place that makes characters harmless which nobody sees, or which act on a screen instead of being read. Each
 * use is a mode with a name; all of them agree on what is hidden, and all leave alone what belongs to the spelling: the
 * joiners and selectors of emoji and of scripts, byte for byte.
 */

/** Format characters and fillers, but not the visible signs that Unicode counts among them (Arabic number signs). */
const HIDDEN_CLASS =
  "(?![\\u0600-\\u0605\\u06dd\\u070f\\u0890\\u0891\\u08e2\\u{110bd}\\u{110cd}])[\\p{Cf}\\p{Default_Ignorable_Code_Point}]";

/** Scripts in whose words joiners are written. */
const JOINING = "[\\u0600-\\u08ff\\u0900-\\u0dff\\u0f00-\\u109f\\u1780-\\u18af]";
const PICTURE_END = "\\p{Extended_Pictographic}|\\p{Emoji_Modifier}|\\ufe0f";

/** Hidden characters that are part of the spelling: flags of regions, joined letters, joined emoji, one selector. */
const SPELLING = [
  "\\u{1f3f4}[\\u{e0030}-\\u{e0039}\\u{e0061}-\\u{e007a}]{2,6}\\u{e007f}",
  `(?<=${JOINING})[\\u200c\\u200d](?=${JOINING})`,
  `(?<=${PICTURE_END})\\u200d(?=\\p{Extended_Pictographic})`,
  "(?<=[\\p{Emoji}\\p{S}\\p{L}])[\\ufe0e\\ufe0f](?![\\ufe00-\\ufe0f])",
  "(?<=\\p{Script=Han})[\\u{e0100}-\\u{e01ef}](?![\\u{e0100}-\\u{e01ef}])",
].join("|");

const SPELLING_OR_HIDDEN = new RegExp(`${SPELLING}|(${HIDDEN_CLASS})`, "gu");

/** Nearly every text has none of them, and looking back at what stands before each character takes long. */
const MAY_HIDE = /[\p{Cf}\p{Default_Ignorable_Code_Point}]/u;

function replaceHidden(text: string, replace: (hidden: string) => string): string {
  if (!MAY_HIDE.test(text)) return text;
  return text.replace(SPELLING_OR_HIDDEN, (found, hidden: string | undefined) =>
    hidden === undefined ? found : replace(hidden),
  );
}

/** For notes and memories: the text without characters that nobody sees. */
export function stripHidden(text: string): string {
  return replaceHidden(text, () => "");
}

/** For a diff: they are shown by their numbers, since they make two lines differ. */
export function markHidden(text: string): string {
  return replaceHidden(
    text,
    (hidden) => `<U+${(hidden.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}>`,
  );
}

/**
 * Whether the text carries characters that hold or disguise whole sentences: tags (but of a flag) and overrides of the
 * reading direction. They have no honest use in a note.
 */
export function disguisesText(text: string): boolean {
  return /[\u202a-\u202e\u2066-\u2069]/.test(text) || /[\u{e0000}-\u{e007f}]/u.test(text.replace(FLAG, ""));
}

const FLAG = /\u{1f3f4}[\u{e0030}-\u{e0039}\u{e0061}-\u{e007a}]{2,6}\u{e007f}/gu;

/** For reading a note: LF line ends, control characters as spaces, nothing hidden, NFC, well-formed. */
export function readableText(text: string): string {
  const lines = text
    .toWellFormed()
    .replace(/\r\n?|[\u2028\u2029\u0085]/g, "\n")
    .replace(/[^\P{Cc}\t\n]|\ufffd/gu, " ");
  return stripHidden(lines).normalize("NFC");
}

/**
 * For a terminal: control characters (ESC and the C1 set too) and half characters become U+FFFD, so that an escape
 * sequence is seen; what is hidden goes; a line break or tab becomes a space, unless lines are wanted.
 */
export function terminalText(text: string, { lines = false }: { readonly lines?: boolean } = {}): string {
  const broken = lines
    ? text.replaceAll("\r\n", "\n")
    : text.replace(/\r\n|[\n\r\t\v\f\u0085\u2028\u2029]/g, " ");
  return stripHidden(broken)
    .replace(lines ? CONTROL_BUT_LINES : CONTROL, "\ufffd")
    .replace(PILE, "$1");
}

const CONTROL = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/gu;
const CONTROL_BUT_LINES = /[^\P{Cc}\n\t]|[\p{Cs}\p{Zl}\p{Zp}]/gu;
/** A few marks over a letter are writing; a tower of them covers the lines above. */
const PILE = /(\p{M}{6})\p{M}+/gu;

/** For a log: what an agent said, with no control characters and no marks of direction, and bounded. */
export function plainText(text: string, maxLength: number): string {
  // Cut before and after: the replacement must not run over megabytes, nor split a surrogate pair.
  const plain = text
    .slice(0, maxLength + 1)
    .replace(/\r\n?/g, "\n")
    .replace(ACTS_BUT_LINES, "\ufffd");
  return text.length > maxLength ? `${plain.slice(0, maxLength - 1)}…` : plain;
}

/** Control characters, line separators, halves of characters, and the marks of direction. */
const ACTS = "[\\p{Cc}\\p{Cs}\\p{Zl}\\p{Zp}\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]";
const ACTS_BUT_LINES = new RegExp(`(?![\\n\\t])${ACTS}`, "gu");
const ACTS_EACH = new RegExp(ACTS, "gu");
const ACTS_RUN = new RegExp(`${ACTS}+`, "gu");

/** For a prompt: a text from outside on one line of at most 500 characters, so that it can't break out of it. */
export function promptLine(text: string): string {
  return text.replace(ACTS_RUN, " ").slice(0, 500);
}

/** For a prompt: a name from outside in quotes. */
export function promptQuoted(name: string): string {
  return JSON.stringify(name).replace(ACTS_EACH, "\ufffd");
}

/** For a header line of a memory file: one line, whatever the row held. */
export function headerText(value: string): string {
  return value.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, "\ufffd");
}

/** For a message that names a file: no control, format or line-breaking characters, at most 160 characters. */
export function pathText(path: string): string {
  const plain = path.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, "\ufffd");
  return plain.length > 160 ? `${plain.slice(0, 159)}…` : plain;
}
