/**
 * Text made visible: no control characters but tab and newline, no zero-width, bidi or tag characters that would show
 * a reader something else than a model reads. LF line ends, NFC, well-formed UTF-16.
 */
export function visible(text: string): string {
  return text
    .toWellFormed()
    .replace(/\r\n?|\u2028|\u2029|\u0085/g, "\n")
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\ufffd]/g, " ")
    .replace(
      /[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb]/g,
      "",
    )
    .replace(
      /(?<![\u0600-\u06ff\u0900-\u0dff])[\u200c\u200d]|[\u200c\u200d](?![\u0600-\u06ff\u0900-\u0dff])/g,
      "",
    )
    .replace(/[\u{e0000}-\u{e0fff}\u{fe00}-\u{fe0e}]/gu, "")
    .normalize("NFC");
}

/** Tag characters carry whole hidden sentences and have no honest use in a note. */
export function hidesText(text: string): boolean {
  return /[\u{e0020}-\u{e007e}]/u.test(text) || /[\u202a-\u202e]/.test(text);
}
