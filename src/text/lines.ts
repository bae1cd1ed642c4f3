/** A line by where it stands, counted from 1; its bytes are good only until the next chunk is given. */
export interface CutLine {
  readonly number: number;
  /** Without its end; null when the line is longer than is held. */
  readonly bytes: Uint8Array | null;
  readonly length: number;
  /** Offset of its first byte, and of the byte behind its end. */
  readonly from: number;
  readonly to: number;
}

export interface LineCutter {
  /** The lines that end in this chunk. */
  cut(chunk: Uint8Array): Generator<CutLine>;
  /** What follows the last line end: a line that is not finished yet; null when there is nothing. */
  rest(): CutLine | null;
  /** Length of the line that is not finished yet. */
  unfinished(): number;
}

const LF = 0x0a;

/**
 * Cuts a stream of bytes at LF. Holds at most one line of `maxBytes`: of a longer one only the length is known, and the
 * next one is cut as if nothing had happened. Chunks may be overwritten once they were cut: what is held is a copy.
 */
export function lineCutter(maxBytes: number): LineCutter {
  let held: Uint8Array[] = [];
  let length = 0;
  let number = 1;
  let from = 0;

  function finish(last: Uint8Array, end: number): CutLine {
    const whole = length + last.byteLength;
    const bytes = whole > maxBytes ? null : held.length === 0 ? last : Buffer.concat([...held, last], whole);
    const line = { number, bytes, length: whole, from, to: from + whole + end };
    held = [];
    length = 0;
    return line;
  }

  return {
    *cut(chunk) {
      let start = 0;
      for (let at = chunk.indexOf(LF); at !== -1; at = chunk.indexOf(LF, start)) {
        const line = finish(chunk.subarray(start, at), 1);
        start = at + 1;
        number += 1;
        from = line.to;
        yield line;
      }
      const left = chunk.subarray(start);
      length += left.byteLength;
      // What is too long is counted, not kept.
      if (length > maxBytes) held = [];
      else if (left.byteLength > 0) held.push(Buffer.from(left));
      // A buffer costs more than its bytes: a line that comes byte by byte must not.
      if (held.length > 1_000) held = [Buffer.concat(held, length)];
    },
    rest: () => (length === 0 ? null : finish(NOTHING, 0)),
    unfinished: () => length,
  };
}

const NOTHING = new Uint8Array(0);
