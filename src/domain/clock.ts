/** Current time. The only clock below is a parameter; this is where it comes from. */
export interface Clock {
  /** Unix milliseconds; may jump. */
  nowMs(): number;
  /** Milliseconds that never go back; for limits and margins. */
  monotonicMs(): number;
  setTimeout(fn: () => void, ms: number): unknown;
  clearTimeout(id: unknown): void;
}

export interface Ids {
  /** Sortable by time. */
  run(): string;
  /** UUIDv4 in the original's spelling. */
  token(): string;
  generation(): string;
}
