import type { RecordCode } from "./record.ts";

/** Why a line was not taken. */
export interface Rejection {
  /** Counted from 1, blank lines included, as an editor shows it. */
  readonly line: number;
  readonly code: RecordCode | "line_too_long" | "invalid_utf8" | "invalid_json";
  readonly message: string;
}

export type Line =
  | { readonly number: number; readonly text: string }
  | { readonly number: number; readonly rejection: Rejection };

/** 8 MiB: two texts of 1 MiB, every character escaped, fit in it. */
export const MAX_LINE_BYTES = 8 * 1024 * 1024;

const LF = 0x0a;
const BOM = [0xef, 0xbb, 0xbf];

/**
 * The lines of a JSONL stream, one at a time: never more than one line is held. LF and CR LF end a line, blank
 * lines are passed over (but counted), a byte order mark at the start is tolerated. A line that is too long or
 * not UTF-8 is told as a rejection, and the next one is read as if nothing had happened.
 */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Line> {
  let held: Uint8Array[] = [];
  let bytes = 0;
  let number = 1;
  for await (const chunk of chunks) {
    let from = 0;
    for (let at = chunk.indexOf(LF); at !== -1; at = chunk.indexOf(LF, from)) {
      take(chunk.subarray(from, at));
      yield* finish();
      from = at + 1;
      number += 1;
    }
    take(chunk.subarray(from));
  }
  if (bytes > 0) yield* finish();

  function take(part: Uint8Array): void {
    bytes += part.byteLength;
    // What is too long is counted, not kept.
    if (bytes > MAX_LINE_BYTES) held = [];
    else if (part.byteLength > 0) held.push(part);
  }

  function* finish(): Generator<Line> {
    const line = bytes > MAX_LINE_BYTES ? tooLong(number, bytes) : decoded(number, Buffer.concat(held));
    held = [];
    bytes = 0;
    if (line !== null) yield line;
  }
}

function decoded(number: number, bytes: Uint8Array): Line | null {
  const hasBom = number === 1 && BOM.every((byte, at) => bytes[at] === byte);
  if (bytes.includes(0)) {
    return rejected(number, "nul", "The line contains a NUL byte; this is not a text file.");
  }
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
      hasBom ? bytes.subarray(3) : bytes,
    );
    return /^[ \t\r]*$/.test(text) ? null : { number, text };
  } catch {
    return rejected(number, "invalid_utf8", "The line is not valid UTF-8; save the file as UTF-8.");
  }
}

function tooLong(number: number, bytes: number): Line {
  return rejected(
    number,
    "line_too_long",
    `The line has ${bytes} bytes; at most ${MAX_LINE_BYTES} (8 MiB) are read.`,
  );
}

function rejected(number: number, code: Rejection["code"], message: string): Line {
  return { number, rejection: { line: number, code, message } };
}
