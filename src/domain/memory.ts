import type { Lease } from "./job.ts";

/**
 * What one session learned. Written by phase 1, or imported. Times are Unix seconds, as in the original's
 * `stage1_outputs`. The texts are untrusted: they are never a path, a command or an instruction.
 */
export interface Stage1Output {
  readonly threadId: string;
  readonly sourceUpdatedAt: number;
  readonly rawMemory: string;
  readonly rolloutSummary: string;
  readonly generatedAt: number;
  readonly rolloutSlug: string | null;
  readonly rolloutPath: string;
  readonly cwd: string;
  readonly gitBranch: string | null;
}

/** The last second that RFC 3339 can write; milliseconds given by mistake lie far above it. */
export const LATEST_SECONDS = 253_402_300_799;

/**
 * What a host gives to `store.memories.upsert`: `rawMemory` and `rolloutSummary` of at most 1 MiB each, not both blank;
 * times as whole Unix seconds or RFC 3339 text. `generatedAt` defaults to `sourceUpdatedAt`, the rest to nothing.
 */
export interface Stage1Input
  extends Pick<Stage1Output, "threadId" | "rawMemory" | "rolloutSummary">,
    Partial<Pick<Stage1Output, "rolloutSlug" | "rolloutPath" | "cwd" | "gitBranch">> {
  readonly sourceUpdatedAt: number | string;
  readonly generatedAt?: number | string;
}

/**
 * What an upsert makes of a record beside the row that is already stored for its thread: a later time replaces the row,
 * an equal time replaces it when the content differs, everything else changes nothing. A row whose time makes no sense
 * (another program wrote it) is replaced by any record.
 */
export function changeOf(
  stored: Stage1Output | undefined,
  record: Stage1Output,
): "imported" | "updated" | "unchanged" {
  if (stored === undefined) return "imported";
  if (!isStoredTime(stored.sourceUpdatedAt) || record.sourceUpdatedAt > stored.sourceUpdatedAt)
    return "updated";
  const isOther =
    record.sourceUpdatedAt === stored.sourceUpdatedAt &&
    CONTENT.some((field) => record[field] !== stored[field]);
  return isOther ? "updated" : "unchanged";
}

/** When the note was made is not what it says. */
const CONTENT = ["rawMemory", "rolloutSummary", "rolloutSlug", "rolloutPath", "cwd", "gitBranch"] as const;

export function isStoredTime(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) > 0 && (value as number) <= LATEST_SECONDS;
}

export interface UpsertOutcome {
  readonly imported: number;
  readonly updated: number;
  readonly unchanged: number;
  /** Records of threads that were purged: refused for good, until `memories.remember` lifts it. */
  readonly forgotten: number;
  /** Secrets that were replaced in the records' texts; what they were is told to no one. */
  readonly redacted: number;
}

/** A stored row that no run can use: another program wrote it, or its thread was purged. */
export interface SetAside {
  /** As it stands in the row, which may be anything. */
  readonly threadId: string;
  readonly code: string;
  /** A sentence that names the column and never quotes its value. */
  readonly message: string;
}

/** Rust's `trim` (Unicode White_Space): JavaScript's own differs in U+0085 (missing) and U+FEFF (extra). */
const WHITE_SPACE =
  "\\u0009-\\u000d\\u0020\\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const LEADING = new RegExp(`^[${WHITE_SPACE}]+`, "u");

export function trimmed(text: string): string {
  // A regex anchored at the end would retry at every space run; walking back is linear.
  let end = text.length;
  while (end > 0 && IS_SPACE.test(text.charAt(end - 1))) end -= 1;
  return text.slice(0, end).replace(LEADING, "");
}

const IS_SPACE = new RegExp(`[${WHITE_SPACE}]`, "u");

/** An output with two blank texts carries nothing and is not selected (original, section 3; newlines count as blank: ours). */
export function isBlank(output: Pick<Stage1Output, "rawMemory" | "rolloutSummary">): boolean {
  return trimmed(output.rawMemory) === "" && trimmed(output.rolloutSummary) === "";
}

/** Selection order at point S: newest first, ties by thread id descending, as SQLite compares text: by code points. */
export function latestFirst(a: Stage1Output, b: Stage1Output): number {
  if (a.sourceUpdatedAt !== b.sourceUpdatedAt) return b.sourceUpdatedAt - a.sourceUpdatedAt;
  return compareCodePoints(b.threadId, a.threadId);
}

/** `<` on strings compares UTF-16 units, which puts U+E000 to U+FFFF behind everything above them. */
function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at += 1) {
    if (a.charCodeAt(at) === b.charCodeAt(at)) continue;
    return (a.codePointAt(at) ?? 0) - (b.codePointAt(at) ?? 0);
  }
  return a.length - b.length;
}

/** `max(claimed, newest input)`; with no inputs the claimed watermark (original, section 2.7). */
export function completionWatermark(
  claimed: number,
  outputs: readonly Pick<Stage1Output, "sourceUpdatedAt">[],
): number {
  return outputs.reduce((newest, { sourceUpdatedAt }) => Math.max(newest, sourceUpdatedAt), claimed);
}

/** How ids of notes begin that a person, or an agent on their behalf, wrote down beside all sessions. */
const NOTE_PREFIX = "ad-hoc-note-";

/** Prefixed, so that no note is taken for a session. */
export function noteId(name: string): string {
  return `${NOTE_PREFIX}${name}`;
}

/** The name that a note's id was made of; null for a session. */
export function noteName(threadId: string): string | null {
  return threadId.startsWith(NOTE_PREFIX) ? threadId.slice(NOTE_PREFIX.length) : null;
}

export function isNote({ threadId }: Pick<Stage1Output, "threadId">): boolean {
  return noteName(threadId) !== null;
}

export interface MemoryStore {
  /**
   * All or nothing, with one enqueue by the largest `sourceUpdatedAt` among inserted and updated rows; none if
   * nothing changed. Each record is checked, normalised and freed of secrets as an import does it; one that is wrong
   * rejects with its `RecordCode` and a sentence that names record and field. `changeOf` decides what replaces a row.
   */
  upsert(space: string, records: readonly Stage1Input[]): Promise<UpsertOutcome>;
  /**
   * Says that nothing of the thread is worth keeping any more: its row becomes blank and one second newer (so that an
   * import of the same records does not bring it back), and the space dirty. `unchanged`: there is nothing to withdraw.
   */
  withdraw(space: string, threadId: string): Promise<"withdrawn" | "unchanged">;
  /**
   * The newest `limit` outputs that are not blank, in `latestFirst` order, in one statement. Rows that another program
   * wrote are held to the rules of `upsert` first; what these normalise or redact is written back.
   */
  select(space: string, limit: number): Promise<readonly Stage1Output[]>;
  /** How many `select` could give. With `newerThan` (Unix seconds): those after it. */
  count(space: string, newerThan?: number): Promise<number>;
  /** Rows that `select` leaves out because they break the rules of `upsert`, or because their thread was purged. */
  setAside(space: string): Promise<readonly SetAside[]>;
  /** Deletes the rows that `setAside` names; the number of rows. */
  removeSetAside(space: string): Promise<number>;
  /** Every space that has rows. */
  spaces(): Promise<readonly string[]>;
  /**
   * Refuses the thread's records for good, in one space or (null) in all. Only a keyed hash of the id is kept.
   * Repeating it changes nothing.
   */
  refuse(threadId: string, space: string | null): Promise<void>;
  /** Lifts what `refuse` and `forget` put on the thread in this space, and on all spaces. False: there was nothing to lift. */
  remember(threadId: string, space: string): Promise<boolean>;
  /** How many threads are refused in this space; those refused in all spaces count too. Ids can't be listed: only hashes are kept. */
  refused(space: string): Promise<number>;
  /** Keeps what a run consolidates, in this order, so that a replay sees the same input. Repeating it changes nothing. */
  recordInputs(run: string, outputs: readonly Stage1Output[]): Promise<void>;
  inputsOf(run: string): Promise<readonly Stage1Output[]>;
  /** Every version of a thread that is kept for the space: the row, and what its runs recorded. Newest first. */
  versionsOf(space: string, threadId: string): Promise<readonly Stage1Output[]>;
  /** Every space that keeps anything of the thread. */
  spacesOf(threadId: string): Promise<readonly string[]>;
  /**
   * Removes the thread's row, its recorded inputs and every text that only these named, and refuses its records in this
   * space from now on, in one transaction that is conditional on the lease.
   */
  forget(threadId: string, lease: Lease): Promise<"applied" | "lost">;
}
