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
