import type { Lease, Settled } from "./job.ts";

/**
 * One published version of a memory root. Content-addressed: a file is the SHA-256 of its bytes.
 * Immutable except by purge.
 */
export interface Generation {
  readonly id: string;
  readonly space: string;
  /** The generation it came from; null for the first. */
  readonly parent: string | null;
  /** Null for what no run made (adoption, the user's edits between runs). */
  readonly run: string | null;
  readonly kind: GenerationKind;
  readonly createdAtMs: number;
  /** Which agent made it; absent when none did. */
  readonly agent?: string;
  /** How many findings the gate had on it; absent when there was no gate. */
  readonly findings?: number;
  /** What in its files is a person's, by path; absent when nothing is. */
  readonly handEdits?: HandEdits;
  /** Present when a purge had to take all of its files away: only this row is left. */
  readonly withdrawnAtMs?: number;
}

/**
 * Lines of one file that a person wrote or changed, and lines of an agent that are not to come back. Lines are counted
 * from 0 in the file of the generation that the edit belongs to.
 */
export interface HandEdit {
  readonly line: number;
  /** How many lines from there are the person's; 0 when the edit only took lines away. */
  readonly lines: number;
  /** Hashes of what the lines said that went. */
  readonly replaced: readonly string[];
}

/** By path. A file that a person deleted has one edit, at line -1. */
export type HandEdits = Readonly<Record<string, readonly HandEdit[]>>;

/**
 * `edited`: what a person changed in the root by hand, kept before anything replaced it. `purged`: what was left
 * when a thread was taken out.
 */
export type GenerationKind = "published" | "adopted" | "edited" | "rollback" | "purged";

/** What a dry run would have published, kept until it is applied, too old, or purged. */
export interface Draft {
  /** Names the draft: a hash of base, inputs and files. */
  readonly hash: string;
  readonly space: string;
  readonly run: string;
  /** What it was made from; it can only be applied on this. */
  readonly base: string | null;
  readonly inputsDigest: string;
  /** Unix seconds: what the job is done up to when the draft is applied. */
  readonly watermark: number;
  readonly limit: number;
  readonly agent: string | null;
  readonly findings: number;
  readonly createdAtMs: number;
}

export interface ManifestEntry {
  /** Relative, `/`-separated, normalised; never absolute, never `..`. */
  readonly path: string;
  readonly hash: string;
  readonly bytes: number;
}

/** Sorted by path in code-unit order. */
export type Manifest = readonly ManifestEntry[];

export interface FileChanges {
  readonly added: readonly string[];
  readonly modified: readonly string[];
  readonly deleted: readonly string[];
}

export function changesBetween(before: Manifest, after: Manifest): FileChanges {
  const old = new Map(before.map((entry) => [entry.path, entry.hash]));
  const kept = new Set(after.map((entry) => entry.path));
  return {
    added: after.filter((entry) => !old.has(entry.path)).map((entry) => entry.path),
    modified: after
      .filter((entry) => old.has(entry.path) && old.get(entry.path) !== entry.hash)
      .map((entry) => entry.path),
    deleted: before.filter((entry) => !kept.has(entry.path)).map((entry) => entry.path),
  };
}

export function isUnchanged(changes: FileChanges): boolean {
  return changes.added.length + changes.modified.length + changes.deleted.length === 0;
}

/**
 * A publish that has passed its point of no return and must be brought to its end by whoever holds the root.
 * `steps` are in the order in which every reference a reader follows exists.
 */
export interface Journal {
  readonly space: string;
  readonly root: string;
  readonly generation: string;
  readonly steps: readonly JournalStep[];
}

export type JournalStep = (
  | { readonly do: "write"; readonly path: string; readonly hash: string }
  | { readonly do: "delete"; readonly path: string }
) & {
  /** Hash of what stood there when the publish was decided, if that is not what the parent generation has: the folder was behind. */
  readonly was?: string;
};

/** One failed check of the gate. */
export interface Finding {
  readonly code: string;
  readonly severity: "warn" | "repair" | "refuse";
  /** Relative path in the workspace, or null when it concerns the whole. */
  readonly path: string | null;
  /** A sentence for the person. */
  readonly message: string;
  /** What the agent is told to mend, exact and short. */
  readonly repair: string | null;
}

export interface GenerationStore {
  /** The generation of the space that is in effect: the one committed last. */
  current(space: string): Promise<{ generation: Generation; manifest: Manifest } | null>;
  manifest(generation: string): Promise<Manifest | null>;
  read(generation: string): Promise<Generation | null>;
  /** Newest first. */
  list(space: string, limit: number): Promise<readonly Generation[]>;
  blob(hash: string): Promise<Uint8Array | null>;
  /** Which of these hashes are not stored yet. */
  missing(hashes: readonly string[]): Promise<readonly string[]>;
  /**
   * One transaction, conditional on the lease (null: on no running row for the space, and on the parent being the
   * generation in effect, so that of two who came from the same one the later is told): new blobs, the
   * generation with its manifest and, unless null, an open journal. The point of no return of a publish.
   * Repeated with the same generation id: `already`.
   */
  commit(request: {
    lease: Lease | null;
    generation: Generation;
    manifest: Manifest;
    blobs: ReadonlyMap<string, Uint8Array>;
    journal: Journal | null;
    nowMs: number;
  }): Promise<Settled>;
  /** The oldest journal of the space that still has to be rolled forward. */
  openJournal(space: string): Promise<Journal | null>;
  closeJournal(generation: string): Promise<void>;
  /**
   * Takes generations away whose time is over; never the one in effect, nor one with an open journal. Their blobs
   * stay until `collect` finds that nothing names them.
   */
  remove(space: string, generations: readonly string[]): Promise<void>;
  /**
   * Removes up to `limit` blobs that nothing has named for `graceMs`; returns how many. The grace covers writers
   * that have stored a blob, or seen it there, and have not named it yet. With `hashes`: these alone, without grace.
   */
  collect(request: {
    nowMs: number;
    graceMs: number;
    limit: number;
    hashes?: readonly string[];
  }): Promise<number>;
  /** Blobs that nothing names, in the order of their hashes, above `after`. */
  orphans(query: { after: string; limit: number }): Promise<readonly string[]>;
  /**
   * A purge's right alone: gives a generation other files, or none and a date (`null`: withdrawn), and removes the blobs that
   * only its old files named, in one transaction that is conditional on the lease. `handEdits`: absent, they stay.
   */
  rewrite(request: {
    lease: Lease;
    generation: string;
    manifest: Manifest | null;
    handEdits?: HandEdits;
    blobs: ReadonlyMap<string, Uint8Array>;
    nowMs: number;
  }): Promise<"applied" | "lost">;
  /** Conditional on the lease; repeated with the same hash it replaces the draft's row. */
  keepDraft(request: {
    lease: Lease;
    draft: Draft;
    manifest: Manifest;
    blobs: ReadonlyMap<string, Uint8Array>;
  }): Promise<"applied" | "lost">;
  draft(space: string, hash: string): Promise<{ draft: Draft; manifest: Manifest } | null>;
  /** Newest first. */
  drafts(space: string): Promise<readonly Draft[]>;
  removeDrafts(space: string, hashes: readonly string[]): Promise<void>;
}
