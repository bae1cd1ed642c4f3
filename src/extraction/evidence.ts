import type { Stage1Output } from "../domain/memory.ts";
import type { Utterance } from "../transcripts/reader.ts";

/** An utterance that is kept: without secrets, shortened to what the budget of its tier leaves it. */
export interface EvidenceRow extends Utterance {
  /** Counted from 0 in the order of the session. */
  readonly position: number;
}

/** What was read from one session: the rows in its order, never more of them than the budget. */
export interface Evidence {
  readonly rows: readonly EvidenceRow[];
  /** Secrets that were replaced. */
  readonly redacted: number;
  /** Rows that the budget had no room for. */
  readonly leftOut: number;
}

/** What a session is worth: a note, or the reason why it leaves none. */
export type Extraction =
  | {
      readonly kind: "note";
      readonly note: Stage1Output;
      /** Positions in the evidence of the rows that the note says something of. */
      readonly cited: readonly number[];
    }
  | { readonly kind: "none"; readonly reason: "nobody_spoke" | "no_signal" };
