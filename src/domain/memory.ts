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

/** What a host may leave out of `store.memories.upsert`. */
export type Stage1Input = Pick<
  Stage1Output,
  "threadId" | "sourceUpdatedAt" | "rawMemory" | "rolloutSummary"
> &
  Partial<Stage1Output>;

/**
 * The row an input becomes. Unpaired surrogates turn into U+FFFD here, since no database text can hold them and
 * every store must read back the same.
 */
export function completed(input: Stage1Input): Stage1Output {
  return {
    threadId: input.threadId.toWellFormed(),
    sourceUpdatedAt: input.sourceUpdatedAt,
    rawMemory: input.rawMemory.toWellFormed(),
    rolloutSummary: input.rolloutSummary.toWellFormed(),
    generatedAt: input.generatedAt ?? input.sourceUpdatedAt,
    rolloutSlug: input.rolloutSlug?.toWellFormed() ?? null,
    rolloutPath: (input.rolloutPath ?? "").toWellFormed(),
    cwd: (input.cwd ?? "").toWellFormed(),
    gitBranch: input.gitBranch?.toWellFormed() ?? null,
  };
}

export interface UpsertOutcome {
  readonly imported: number;
  readonly updated: number;
  readonly unchanged: number;
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
