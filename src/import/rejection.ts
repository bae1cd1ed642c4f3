/** Why a line was not taken. Codes are stable: scripts compare them. */
export interface Rejection {
  /** Counted from 1, blank lines included, as an editor shows it. */
  readonly line: number;
  readonly code: RejectionCode;
  readonly message: string;
}

export type RejectionCode =
  // the line
  | "line_too_long"
  | "invalid_utf8"
  | "nul"
  | "invalid_json"
  | "not_an_object"
  // a field
  | "missing_field"
  | "wrong_type"
  | "empty_field"
  | "field_too_long"
  | "unsafe_thread_id"
  | "line_break"
  | "control_character"
  | "invalid_unicode"
  | "invalid_time"
  | "time_out_of_range"
  | "text_too_large"
  | "texts_blank";
