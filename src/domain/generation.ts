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
