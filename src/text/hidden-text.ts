/**
 * Characters that show nothing, or make a reader see something else than a model reads. Joiners stay where they
 * are part of the spelling (Arabic and Indic scripts) or of an emoji, and so do the tags of a flag.
 */
const FLAG = /\u{1f3f4}[\u{e0061}-\u{e007a}]{2,6}\u{e007f}/gu;
const TAGS = /[\u{e0000}-\u{e007f}]/u;
const OVERRIDES = /[\u202a-\u202e\u2066-\u2069]/;
const UNSEEN_RANGES: readonly (readonly [number, number])[] = [
  [0xad, 0xad],
  [0x34f, 0x34f],
  [0x61c, 0x61c],
  [0x115f, 0x1160],
  [0x17b4, 0x17b5],
  [0x180e, 0x180e],
  [0x200b, 0x200b],
  [0x200e, 0x200f],
  [0x2060, 0x2065],
  [0x206a, 0x206f],
  [0x3164, 0x3164],
  [0xfe00, 0xfe0d],
  [0xfeff, 0xfeff],
  [0xffa0, 0xffa0],
  [0xfff9, 0xfffb],
  [0xe0080, 0xe0fff],
];
const UNSEEN = new RegExp(
  UNSEEN_RANGES.map(([from, to]) => `[\\u{${from.toString(16)}}-\\u{${to.toString(16)}}]`).join("|"),
  "gu",
);
const LOOSE_JOINER =
  /(?<![\u0600-\u06ff\u0900-\u0dff]|\p{Extended_Pictographic}|\p{Emoji_Modifier}|\ufe0f)[\u200c\u200d]|[\u200c\u200d](?![\u0600-\u06ff\u0900-\u0dff]|\p{Extended_Pictographic}|[\u2640\u2642])/gu;

/** Tag characters and direction overrides carry or disguise whole sentences, and have no honest use in a memory. */
export function disguises(line: string): boolean {
  return OVERRIDES.test(line) || TAGS.test(line.replace(FLAG, ""));
}

/** The line without characters nobody sees. */
export function shown(line: string): string {
  return line.replace(UNSEEN, "").replace(LOOSE_JOINER, "");
}
