/**
 * Text from anywhere, made safe for a terminal: slugs, paths, causes, agent messages and memory are untrusted.
 * The one door: `output.ts` sends every text through here, and nothing else writes.
 *
 * - Control characters (ESC and the C1 set too) and half characters become U+FFFD, so an escape sequence is seen.
 * - What is invisible or turns the reading direction (bidi overrides, zero-width characters, tags, fillers) goes.
 * - A line break or tab becomes a space, unless lines are wanted.
 */
export function printable(text: string, { lines = false }: { readonly lines?: boolean } = {}): string {
  const broken = lines
    ? text.replaceAll("\r\n", "\n")
    : text.replace(/\r\n|[\n\r\t\v\f\u0085\u2028\u2029]/g, " ");
  return broken
    .replace(INVISIBLE, "")
    .replace(lines ? CONTROL_BUT_LINES : CONTROL, "\u{fffd}")
    .replace(PILE, "$1");
}

const INVISIBLE = /[\p{Cf}\p{Default_Ignorable_Code_Point}]/gu;
const CONTROL = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/gu;
const CONTROL_BUT_LINES = /[^\P{Cc}\n\t]|[\p{Cs}\p{Zl}\p{Zp}]/gu;
/** A few marks over a letter are writing; a tower of them covers the lines above. */
const PILE = /(\p{M}{6})\p{M}+/gu;

/** One line of at most `length` characters. */
export function clipped(text: string, length: number): string {
  const characters = [...text.slice(0, length * 4)];
  return characters.length <= length && text.length <= length * 4
    ? text
    : `${characters.slice(0, Math.max(1, length - 1)).join("")}…`;
}

/** JSON means the same with these escaped, and a terminal that shows it stays as it was. */
export function printableJson(value: unknown): string {
  return harmless(JSON.stringify(value, null, 2));
}

/** The same on one line, for streams. */
export function printableJsonLine(value: unknown): string {
  return harmless(JSON.stringify(value));
}

function harmless(json: string): string {
  return json.replace(
    /[\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\p{Cs}]|[^\P{Cc}\n]/gu,
    (character) =>
      [...Array(character.length).keys()].map((at) => escaped(character.charCodeAt(at))).join(""),
  );
}

function escaped(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, "0")}`;
}
