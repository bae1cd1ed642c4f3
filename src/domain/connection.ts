/**
 * Where a memory is shown to an agent: one row for each place that was written. The row is there before the place is
 * written and goes after it is cleared, so that nothing of ours stands anywhere without a row that names it.
 */
export interface Connection {
  /** One per agent and path. */
  readonly id: string;
  /** The space whose memory is shown. */
  readonly space: string;
  readonly agent: string;
  /** `file`, `skill`, `block`, `hook` or `mcp`. */
  readonly how: string;
  /** Absolute. */
  readonly path: string;
  /** `file`: the whole file is ours. `block`: text between marks. `entry`: one entry of a JSON file. */
  readonly kind: "file" | "block" | "entry";
  /** `connecting` and `disconnecting` until the place is as the row says; a killed process leaves one of them. */
  readonly state: "connecting" | "connected" | "disconnecting";
  /**
   * What undoing has to know beside the path: the texts that were put into a JSON file, or the folders that were made for a
   * file of ours; null when nothing.
   */
  readonly piece: string | null;
  /** SHA-256 (hex) of what we wrote last: the whole file, or our part of it. */
  readonly writtenHash: string;
  /** SHA-256 (hex) of the file before we came; null: there was none. */
  readonly beforeHash: string | null;
  /** Unix milliseconds of the last write. */
  readonly atMs: number;
}

/** The connections of a home. */
export interface ConnectionStore {
  /** By agent, then path. */
  list(): Promise<readonly Connection[]>;
  /** Adds the row, or replaces the one of the same id. On the disk when this resolves. */
  save(connection: Connection): Promise<void>;
  /** No row of that id is fine. */
  remove(id: string): Promise<void>;
}
