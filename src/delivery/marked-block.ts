import { createHash } from "node:crypto";

/**
 * One block of ours in a text file that is a person's. The first mark carries the hash of what stands between the marks,
 * so that the block itself says whether anybody changed it, whatever a killed process wrote down elsewhere.
 */
export interface Block {
  readonly start: number;
  readonly end: number;
  /** False: somebody changed it; it is not ours to cut. */
  readonly isIntact: boolean;
  readonly body: string;
}

const BEGIN =
  /<!-- slowwave:begin (\w{16})(-nl)? \(made by slowwave; `slowwave disconnect` removes it\) -->\r?\n/;
const END = /<!-- slowwave:end -->\r?\n?/;

/** Null when there is none; `unclear` when marks stand there that make no block. */
export function findBlock(text: string): Block | "unclear" | null {
  const begin = BEGIN.exec(text);
  const begins = text.split("<!-- slowwave:begin ").length - 1;
  const ends = text.split("<!-- slowwave:end -->").length - 1;
  if (begins === 0 && ends === 0) return null;
  if (begin === null || begins !== 1 || ends !== 1) return "unclear";
  const from = begin.index + begin[0].length;
  const end = END.exec(text.slice(from));
  if (end === null) return "unclear";
  const body = text.slice(from, from + end.index).replaceAll("\r\n", "\n");
  const isIntact = begin[1] === digest(body);
  // A line break that we had to add before the block goes with it.
  const added = begin[2] === undefined ? 0 : (/\r?\n$/.exec(text.slice(0, begin.index))?.[0].length ?? 0);
  return { start: begin.index - added, end: from + end.index + end[0].length, isIntact, body };
}

/** The text with the block at its end, or in the place of the one that is there. */
export function withBlock(text: string, body: string): string {
  const found = findBlock(text);
  const eol = text.includes("\r\n") ? "\r\n" : "\n";
  if (found !== null && found !== "unclear") {
    const hadBreak = text.slice(found.start, found.end).startsWith("<!--") ? "" : eol;
    return `${text.slice(0, found.start)}${hadBreak}${blockText(body, hadBreak !== "", eol)}${text.slice(found.end)}`;
  }
  const needsBreak = text !== "" && !text.endsWith("\n");
  return `${text}${needsBreak ? eol : ""}${blockText(body, needsBreak, eol)}`;
}

export function withoutBlock(text: string, { start, end }: Block): string {
  return `${text.slice(0, start)}${text.slice(end)}`;
}

function blockText(body: string, addedBreak: boolean, eol: string): string {
  const whole = body.endsWith("\n") ? body : `${body}\n`;
  const mark = `<!-- slowwave:begin ${digest(whole)}${addedBreak ? "-nl" : ""} (made by slowwave; \`slowwave disconnect\` removes it) -->`;
  return `${mark}\n${whole}<!-- slowwave:end -->\n`.replaceAll("\n", eol);
}

function digest(body: string): string {
  return createHash("sha256").update(body).digest("hex").slice(0, 16);
}
