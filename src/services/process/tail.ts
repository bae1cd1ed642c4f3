/** The last bytes of a stream that may be endless: a process's stderr, for the cause when it fails. */
export interface Tail {
  feed(chunk: Buffer): void;
  text(): string;
}

export function tail(maxBytes: number): Tail {
  let kept = Buffer.alloc(0);
  return {
    feed(chunk) {
      kept = Buffer.from(Buffer.concat([kept, chunk.subarray(-maxBytes)]).subarray(-maxBytes));
    },
    text: () => kept.toString("utf8"),
  };
}
