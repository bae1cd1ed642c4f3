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
  let parts: Buffer[] = [];
  let held = 0;
  let total = 0;
  let over = false;
  let isFirst = true;

  function stop(why: string): void {
    over = true;
    parts = [];
    on.overflow(why);
  }

  function flush(): void {
    let text = Buffer.concat(parts, held).toString("utf8").replace(/\r$/, "");
    if (isFirst) text = text.replace(/^\uFEFF/, "");
    isFirst = false;
    parts = [];
    held = 0;
    if (text.trim() !== "") on.line(text);
  }

  function append(piece: Buffer): boolean {
    held += piece.length;
    if (held > limits.maxLineBytes) {
      stop(`it wrote a line longer than ${size(limits.maxLineBytes)}`);
      return false;
    }
    parts.push(piece);
    // A buffer costs more than its bytes: a line that comes byte by byte must not.
    if (parts.length > 1_000) parts = [Buffer.concat(parts, held)];
    return true;
  }

  return {
    feed(chunk) {
      if (over) return;
      total += chunk.length;
      if (total > limits.maxOutputBytes) {
        return stop(`it wrote more than ${size(limits.maxOutputBytes)} of output`);
      }
      let from = 0;
      for (let at = chunk.indexOf(10); at !== -1 && !over; at = chunk.indexOf(10, from)) {
        if (!append(chunk.subarray(from, at))) return;
        flush();
        from = at + 1;
      }
      // A copy: a view would keep the whole chunk alive for a few bytes of it.
      if (!over && from < chunk.length) append(Buffer.from(chunk.subarray(from)));
    },
    end() {
      if (!over && held > 0) flush();
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
