/** Code points that show nothing, or make a reader see something else than a model reads. */
const unseen: readonly (readonly [number, number])[] = [
  [0xad, 0xad],
  [0x34f, 0x34f],
  [0x61c, 0x61c],
  [0x115f, 0x1160],
  [0x17b4, 0x17b5],
  [0x180e, 0x180e],
  [0x200b, 0x200b],
  [0x200e, 0x200f],
  [0x202a, 0x202e],
  [0x2060, 0x206f],
  [0x3164, 0x3164],
  [0xfe00, 0xfe0e],
  [0xfeff, 0xfeff],
  [0xffa0, 0xffa0],
  [0xfff9, 0xfffb],
  [0xe0000, 0xe0fff],
];
const unseenPattern = new RegExp(
  unseen.map(([from, to]) => `[\\u{${from.toString(16)}}-\\u{${to.toString(16)}}]`).join("|"),
  "gu",
);
/** Joiners are part of the spelling only between letters of Arabic and Indic scripts. */
const looseJoiner =
  /(?<![\u0600-\u06ff\u0900-\u0dff])(?:\u200c|\u200d)|(?:\u200c|\u200d)(?![\u0600-\u06ff\u0900-\u0dff])/g;

/**
 * Text made visible: no control characters but tab and newline, no zero-width, bidi or tag characters. LF line ends,
 * NFC, well-formed UTF-16.
 */
export function visible(text: string): string {
  return text
    .toWellFormed()
    .replace(/\r\n?|\u2028|\u2029|\u0085/g, "\n")
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\ufffd]/g, " ")
    .replace(looseJoiner, "")
    .replace(unseenPattern, "")
    .normalize("NFC");
}

/** Tag characters and direction overrides carry or disguise whole sentences, and have no honest use in a note. */
export function hidesText(text: string): boolean {
  return /[\u{e0020}-\u{e007e}]/u.test(text) || /[\u202a-\u202e]/.test(text);
}
