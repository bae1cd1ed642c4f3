/**
 * What the phase-1 machine hears from the world, what its actors take and answer, and how its runs end. All plain JSON
 * and small: ids, counts, hashes, never a word of a session, for all of it is persisted.
 */

import type { Outcome } from "./job.ts";
import type { Recorded, SessionRefusal, SessionVerdict } from "./session.ts";

export type Phase1Event =
  | { readonly type: "cancel" }
  /** Another worker owns the job. */
  | { readonly type: "lease.lost"; readonly why: string }
  /** The store stayed busy up to the safety margin before expiry. */
  | { readonly type: "lease.uncertain"; readonly why: string }
  | { readonly type: "budget.reached"; readonly why: string };

type LearnSkipped =
  | "skipped_up_to_date"
  | "skipped_running"
  | "skipped_cap"
  | "skipped_retry_backoff"
  | "skipped_retry_exhausted"
  | "skipped_forgotten"
  | "skipped_gone"
  | "skipped_excluded"
  | "skipped_not_idle"
  | "skipped_too_old"
  | "skipped_subagent"
  | "skipped_own"
  | "skipped_headless";

type LearnSucceeded = "succeeded" | "succeeded_no_output";

export type LearnFailed =
  | "failed_claim"
  | "failed_locate"
  | "failed_unreadable"
  | "failed_unknown_format"
  | "failed_agent"
  | "failed_budget"
  | "failed_invalid_output"
  | "failed_record"
  | "failed_confirm_ownership"
  | "failed_lost_ownership"
  | "cancelled";

/** How a run of phase 1 ended. The original's words for what it has, ours for the rest. */
export type LearnStatus = LearnSkipped | LearnSucceeded | LearnFailed;

export interface LearnSettings {
  readonly leaseSeconds: number;
  readonly heartbeatSeconds: number;
  readonly retryDelaySeconds: number;
  readonly retries: number;
  /** A session is left alone for so long after somebody last said something. */
  readonly idleMinutes: number;
  /** Nobody said anything for so many days: it is not learned any more. Null: never too old. */
  readonly maxAgeDays: number | null;
  /** Sessions that are learned at once by all processes of the home together. */
  readonly cap: number;
  /** Whether sessions count that a program held with the agent (`claude -p`, `codex exec`). */
  readonly includeHeadless: boolean;
  /** Whether sessions count in which the agent took in words from outside: from the web, or by an MCP server's tool. */
  readonly includeExternal: boolean;
  readonly maxRunMinutes: number;
  readonly maxTokens: number | null;
  readonly maxCostUsd: number | null;
  readonly model: string | null;
}

export const LEARN_DEFAULTS: LearnSettings = {
  leaseSeconds: 3600,
  heartbeatSeconds: 90,
  retryDelaySeconds: 3600,
  retries: 3,
  idleMinutes: 360,
  maxAgeDays: 30,
  cap: 16,
  includeHeadless: true,
  includeExternal: true,
  maxRunMinutes: 5,
  maxTokens: null,
  maxCostUsd: null,
  model: null,
};

/** Every actor after the claim is told whose work it does. */
export interface LearnRunInput {
  readonly run: string;
  readonly space: string;
  readonly key: string;
}

export interface LearnClaimInput extends LearnRunInput {
  readonly token: string;
  readonly force: boolean;
  readonly again: boolean;
}

/** Without the fence: that belongs to the process, not to the run. */
export type LearnClaimAnswer =
  | { readonly kind: "claimed"; readonly watermark: number }
  | { readonly kind: "skipped"; readonly why: SessionRefusal };

/** Not now, or never; until when (Unix ms), if that is known. */
export interface Skip {
  readonly kind: "skip";
  readonly verdict: SessionVerdict;
  readonly until: number | null;
}

export type LocateAnswer = { readonly kind: "found"; readonly fingerprint: string } | Skip;

export type ReadAnswer =
  | {
      readonly kind: "read";
      readonly fingerprint: string;
      readonly persons: number;
      readonly tools: number;
      readonly rows: number;
      readonly redacted: number;
      readonly leftOut: number;
    }
  | Skip;

export interface ReadInput extends LearnRunInput {
  readonly fingerprint: string;
}

/** `none`: nothing of the session is worth a note. */
export type WeighAnswer = { readonly kind: "worth" } | { readonly kind: "none"; readonly verdict: NoNote };

/** Why a session leaves no note. `polluted`: words from outside are in it, and the settings leave such sessions out. */
export type NoNote = "nobody_spoke" | "no_signal" | "polluted";

export interface ExtractInput extends ReadInput {
  /** 0 = the first turn; n = the n-th repair. */
  readonly repair: number;
}

export type ExtractAnswer =
  | { readonly kind: "note"; readonly bytes: number }
  | { readonly kind: "none"; readonly verdict: "nobody_spoke" | "no_signal" };

export interface CheckAnswer {
  readonly verdict: "passed" | "repairable" | "refused" | "empty";
  /** What was found, for the log; lines that were dropped among them. */
  readonly findings: number;
  /** Codes of what was found; at most ten. */
  readonly codes: readonly string[];
}

export interface RecordInput extends ReadInput {
  /** Null: the note that was checked. */
  readonly none: NoNote | null;
}

export type RecordAnswer = Recorded;

export interface SkipInput extends LearnRunInput {
  readonly verdict: SessionVerdict;
  readonly until: number | null;
}

export interface LearnFailureInput extends LearnRunInput {
  readonly status: LearnStatus;
}

interface Texts {
  /** A few words for a list. */
  readonly line: string;
  /** The sentence that says what it means and what to do. */
  readonly advice: string;
}

/** One row for each status: a new one needs no other table. */
const STATUSES: Readonly<Record<LearnStatus, Texts>> = {
  skipped_up_to_date: {
    line: "already learned",
    advice: "Nothing changed since it was learned; `slowwave learn --session ID --again` learns it anew.",
  },
  skipped_running: { line: "another process learns it", advice: "Another process is learning it right now." },
  skipped_cap: {
    line: "others are being learned",
    advice: "As many sessions as are allowed are being learned now; it comes with the next `slowwave learn`.",
  },
  skipped_retry_backoff: {
    line: "waiting to retry",
    advice: "It failed lately and is tried again later; `slowwave learn --session ID` tries at once.",
  },
  skipped_retry_exhausted: {
    line: "failed too often",
    advice: "It failed until no retry was left; `slowwave learn --session ID` tries again.",
  },
  skipped_forgotten: {
    line: "forgotten",
    advice: "It was purged and stays forgotten; `slowwave import --remember ID` lifts that.",
  },
  skipped_gone: { line: "gone", advice: "Its file is gone; what was learned of it before stays." },
  skipped_excluded: {
    line: "excluded",
    advice: "You excluded it or its folder; `slowwave exclude --list` shows what is never read.",
  },
  skipped_not_idle: {
    line: "still in use",
    advice: "Somebody spoke lately; it is learned once it is idle, or now with `--idle 0`.",
  },
  skipped_too_old: {
    line: "too old",
    advice: "Nobody said anything for a long time; `slowwave learn --session ID` learns it all the same.",
  },
  skipped_subagent: {
    line: "a helper's",
    advice: "An agent started it; it counts with the session of the person.",
  },
  skipped_own: {
    line: "our own",
    advice: "An agent of Slowwave made it; memory does not learn from itself.",
  },
  skipped_headless: {
    line: "held by a program",
    advice: "A program spoke to the agent, and such sessions are left out by your settings.",
  },
  succeeded: { line: "", advice: "The note is kept; `slowwave run` folds it into the memory." },
  succeeded_no_output: { line: "nothing to keep", advice: "Nothing in it is worth a note." },
  failed_claim: {
    line: "could not be claimed",
    advice: "The store could not answer the claim; run `slowwave doctor`, then try again.",
  },
  failed_locate: {
    line: "could not be looked at",
    advice: "The session's file or the store could not be looked at; the cause says why. It is tried again.",
  },
  failed_unreadable: {
    line: "could not be read",
    advice: "The session's file could not be read; check its permissions. It is tried again.",
  },
  failed_unknown_format: {
    line: "unknown format",
    advice: "The agent writes a format that this version does not know; update slowwave.",
  },
  failed_agent: {
    line: "the extractor failed",
    advice: "The extractor did not finish; `slowwave runs show` tells what it said. It is tried again.",
  },
  failed_budget: {
    line: "a budget was reached",
    advice: "A limit was reached and the extractor was ended; raise the limit it names.",
  },
  failed_invalid_output: {
    line: "the note was refused",
    advice: "What the extractor wrote was refused, so nothing was kept; `slowwave runs show` lists why.",
  },
  failed_record: {
    line: "could not be recorded",
    advice: "The store could not keep the note; run `slowwave doctor`, then try again.",
  },
  failed_confirm_ownership: {
    line: "the ownership could not be confirmed",
    advice:
      "The store could not confirm that the session is still ours; run `slowwave doctor`, then try again.",
  },
  failed_lost_ownership: {
    line: "the lease was lost",
    advice: "Another process took the session over, so this run stopped and kept nothing.",
  },
  cancelled: {
    line: "cancelled",
    advice: "It was cancelled and its job released; `slowwave learn` begins again.",
  },
};

/** Every way in which a run of phase 1 can end. */
export const LEARN_STATUSES = Object.keys(STATUSES) as readonly LearnStatus[];

export function isLearnStatus(status: string): status is LearnStatus {
  return Object.hasOwn(STATUSES, status);
}

export function learnAdvice(status: LearnStatus): string {
  return STATUSES[status].advice;
}

export function learnLine(status: LearnStatus): string {
  return STATUSES[status].line;
}

export function learnOutcome(status: LearnStatus): Outcome {
  if (status === "cancelled") return "cancelled";
  if (status.startsWith("skipped_")) return "skipped";
  return status.startsWith("succeeded") ? "succeeded" : "failed";
}

/** How a run ends that leaves a session alone. */
export function statusOfVerdict(verdict: SessionVerdict): LearnSkipped {
  switch (verdict) {
    case "gone":
    case "excluded":
    case "not_idle":
    case "too_old":
    case "subagent":
    case "own":
    case "headless":
      return `skipped_${verdict}`;
    default:
      return "skipped_gone";
  }
}

export function statusOfRefusal(why: SessionRefusal): LearnSkipped {
  switch (why) {
    case "unknown":
      return "skipped_gone";
    case "forgotten":
      return "skipped_forgotten";
    case "up-to-date":
      return "skipped_up_to_date";
    case "exhausted":
      return "skipped_retry_exhausted";
    case "backing-off":
      return "skipped_retry_backoff";
    case "running":
      return "skipped_running";
    case "capped":
      return "skipped_cap";
  }
}

/** What each state means to a person who waits. */
export const LEARN_STATES: Readonly<Record<string, { readonly title: string; readonly doing: string }>> = {
  claiming: { title: "Claim the session", doing: "asking for the session" },
  locating: { title: "Look at the session", doing: "looking at the session" },
  reading: { title: "Read the session", doing: "reading the session" },
  weighing: { title: "Weigh what was said", doing: "weighing what was said" },
  extracting: { title: "Write the note", doing: "writing the note" },
  checking: { title: "Check the note", doing: "checking the note" },
  recording: { title: "Keep the note", doing: "keeping the note" },
  skipping: { title: "Leave the session", doing: "leaving the session" },
  failing: { title: "Release the session", doing: "releasing the session" },
};

/** What one run of phase 1 came to. Times are RFC 3339. */
export interface LearnResult {
  readonly run: string;
  readonly space: string;
  readonly key: string;
  readonly outcome: Outcome;
  readonly status: LearnStatus | "parked_unknown_version";
  readonly reason: { readonly code: string; readonly message: string; readonly cause: string | null } | null;
  readonly extractor: string;
  readonly persons: number | null;
  readonly tools: number | null;
  readonly redacted: number | null;
  readonly noteBytes: number | null;
  readonly findings: number;
  readonly startedAt: string;
  readonly finishedAt: string;
}
