/**
 * A text column can't hold U+0000, which an owner's id or an actor's key may. It goes in as two characters, of which the
 * first is doubled where it stands for itself, so that what differs stays different.
 */
const ESCAPE = "\u0010";

export function encoded(value: unknown): unknown {
  if (typeof value === "string") return encodeText(value);
  if (Array.isArray(value)) return value.map(encoded);
  return value === undefined ? null : value;
}

function encodeText(text: string): string {
  if (!text.includes("\0") && !text.includes(ESCAPE)) return text;
  return text.replaceAll(ESCAPE, ESCAPE + ESCAPE).replaceAll("\0", `${ESCAPE}0`);
}

export function decode(row: Record<string, unknown>): void {
  for (const [column, value] of Object.entries(row)) {
    if (typeof value === "string" && value.includes(ESCAPE)) row[column] = decodeText(value);
    else if (Array.isArray(value))
      row[column] = value.map((one: unknown) => (typeof one === "string" ? decodeText(one) : one));
  }
}

function decodeText(text: string): string {
  return text.replace(/\u0010([\u00100])/g, (_, mark: string) => (mark === "0" ? "\0" : ESCAPE));
}
