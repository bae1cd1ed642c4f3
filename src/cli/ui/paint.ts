import pc from "picocolors";
import { printable } from "./printable.ts";

/** Text with a style. Styles are data until they are written, so that no text can bring its own. */
export interface Painted {
  readonly style: Style;
  readonly text: string;
}
type Style = "bold" | "dim" | "green" | "red" | "yellow" | "cyan";
/** One line in pieces. */
export type Line = string | Painted | readonly (string | Painted)[];

export const bold = (text: string): Painted => ({ style: "bold", text });
export const dim = (text: string): Painted => ({ style: "dim", text });
export const green = (text: string): Painted => ({ style: "green", text });
export const red = (text: string): Painted => ({ style: "red", text });
export const yellow = (text: string): Painted => ({ style: "yellow", text });
export const cyan = (text: string): Painted => ({ style: "cyan", text });

/** The line as it goes to a terminal or a pipe; every piece is made printable on the way. */
export function rendered(line: Line, { colors }: { readonly colors: boolean }): string {
  const palette = pc.createColors(colors);
  const pieces = Array.isArray(line) ? (line as readonly (string | Painted)[]) : [line as string | Painted];
  return pieces
    .map((piece) =>
      typeof piece === "string" ? printable(piece) : palette[piece.style](printable(piece.text)),
    )
    .join("");
}
