import { type CutLine, lineCutter } from "../text/lines.ts";

export interface OutputLimits {
  /** Of one line, without its end. */
  readonly maxLineBytes: number;
  /** Of everything together. */
  readonly maxOutputBytes: number;
}

export const OUTPUT_LIMITS: OutputLimits = { maxLineBytes: 1024 * 1024, maxOutputBytes: 64 * 1024 * 1024 };

export interface LineReader {
  feed(chunk: Buffer): void;
  /** The last line may lack its end. */
  end(): void;
}

/**
 * Cuts bytes into lines of UTF-8 (bad bytes become U+FFFD; blank lines, a CR before the LF and a byte order mark before the first line are dropped).
 * Holds at most one line of the longest length allowed. Past a limit it says so once and reads nothing more.
 */
export function lineReader(
  limits: OutputLimits,
  on: { line(text: string): void; overflow(why: string): void },
): LineReader {
  const cutter = lineCutter(limits.maxLineBytes);
  let total = 0;
  let over = false;
  let isFirst = true;

  function stop(why: string): void {
    over = true;
    on.overflow(why);
  }

  function stopLine(): void {
    stop(`it wrote a line longer than ${size(limits.maxLineBytes)}`);
  }

  function take({ bytes }: CutLine): void {
    if (bytes === null) {
      stopLine();
      return;
    }
    let text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      .toString("utf8")
      .replace(/\r$/, "");
    if (isFirst) text = text.replace(/^\uFEFF/, "");
    isFirst = false;
    if (text.trim() !== "") on.line(text);
  }

  return {
    feed(chunk) {
      if (over) return;
      total += chunk.length;
      if (total > limits.maxOutputBytes) {
        return stop(`it wrote more than ${size(limits.maxOutputBytes)} of output`);
      }
      for (const line of cutter.cut(chunk)) {
        take(line);
        if (over) return;
      }
      if (cutter.unfinished() > limits.maxLineBytes) stopLine();
    },
    end() {
      const last = over ? null : cutter.rest();
      if (last !== null) take(last);
    },
  };
}

function size(bytes: number): string {
  return bytes >= 1024 * 1024 ? `${bytes / 1024 / 1024} MiB` : `${bytes} bytes`;
}

/** The last of a stream that may be endless: a process's stderr, for the cause when it fails. */
export interface Tail {
  feed(chunk: Buffer): void;
  /** Begins with a whole word: half of one, such as of a key, could not be told for what it is. */
  text(): string;
}

export function tail(maxBytes: number): Tail {
  let kept = Buffer.alloc(0);
  let isCut = false;
  return {
    feed(chunk) {
      isCut ||= kept.length + chunk.length > maxBytes;
      kept = Buffer.from(Buffer.concat([kept, chunk.subarray(-maxBytes)]).subarray(-maxBytes));
    },
    text() {
      const text = kept.toString("utf8");
      return isCut ? text.replace(/^\S*/, "…") : text;
    },
  };
}
