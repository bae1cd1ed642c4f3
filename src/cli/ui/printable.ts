import { terminalText } from "../../text/sanitize.ts";

/**
 * Text from anywhere, made safe for a terminal: slugs, paths, causes, agent messages and memory are untrusted.
 * The one door: `output.ts` sends every text through here, and nothing else writes.
 */
export const printable = terminalText;

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
