import { NEVER } from "rxjs";
import { type EventObject, fromEventObservable, fromPromise, type NonReducibleUnknown } from "xstate";
import type { AgentConfig } from "../domain/agent.ts";
import { causeOf, codeOf } from "../domain/failure.ts";
import type { JobRow } from "../domain/job.ts";
import type { ClaimAnswer, DraftAnswer, PublishAnswer, SpawnAnswer, SpawnedAgent } from "../domain/phase2.ts";
import type { Settings } from "../domain/settings.ts";
import type { FailedStatus, SkippedStatus, Status } from "../domain/status.ts";

/**
 * What the phase-2 machine is given and what it remembers. Plain JSON and small.
 */
export interface Phase2Input {
  readonly run: string;
  readonly space: string;
  /** Ownership token of the claim; minted with the run. */
  readonly token: string;
  /** Wall clock, Unix ms, at which the run's time is up; null = no limit. */
  readonly deadlineAtMs: number | null;
  /** `run --now`. */
  readonly force: boolean;
  /** `run --dry-run`: all but the publish; the job ends as it was before the claim. Absent: no. */
  readonly dryRun?: boolean;
  /** As they stood when the run began; another process that takes it over keeps to them. */
  readonly settings: Settings;
  /** Turns in which the agent may mend what the gate found. */
  readonly maxRepairs: number;
  /** How often the work is begun again because the agent died with its engine. */
  readonly maxRestarts: number;
}

export interface Phase2Context extends Phase2Input {
  /** `cancel` came while the claim was under way. */
  readonly cancelled: boolean;
  /** Only of a dry run that has claimed: the job's row before the claim. */
  readonly before: JobRow | null;
  readonly claimedWatermark: number | null;
  readonly completionWatermark: number | null;
  readonly inputs: number | null;
  /** Generation the run started from; null before syncing and in an empty space. */
  readonly base: string | null;
  /** Which process prepared the workspace last. Absent before syncing, and in runs of an earlier version. */
  readonly workspace?: string;
  readonly config: AgentConfig | null;
  readonly agent: SpawnedAgent | null;
  /** Last status the agent told. */
  readonly agentStatus: string | null;
  readonly repairs: number;
  readonly restarts: number;
  readonly findings: number;
  /** What a dry run would have published. */
  readonly draft: string | null;
  /** Generation that was published; null when none was. */
  readonly generation: string | null;
  /** How the run ends; null while that is open. */
  readonly status: Status | null;
  /** Underlying error of a failure, one bounded line. */
  readonly cause: string | null;
}

/** What the machine remembers of its actors' answers. Pure; named in `phase2.ts` where they are used. */
export function claimed(answer: ClaimAnswer): Partial<Phase2Context> {
  return answer.kind === "claimed"
    ? {
        claimedWatermark: answer.watermark,
        completionWatermark: answer.watermark,
        before: answer.before ?? null,
      }
    : {};
}

function skippedStatus(answer: ClaimAnswer): SkippedStatus | null {
  if (answer.kind === "claimed") return null;
  switch (answer.why) {
    case "not-dirty":
      return "skipped_not_dirty";
    case "running":
      return "skipped_running";
    case "cooling-down":
      return "skipped_cooldown";
    case "backing-off":
    case "exhausted":
      return "skipped_retry_unavailable";
  }
}

export function skipped(answer: ClaimAnswer): Partial<Phase2Context> {
  const cause = answer.kind === "skipped" ? answer.because : undefined;
  return { status: skippedStatus(answer), ...(cause === undefined ? {} : { cause }) };
}

export function spawned(answer: SpawnAnswer): Partial<Phase2Context> {
  if (answer.kind !== "spawned") return {};
  const { id, threadId, sandbox } = answer;
  return { agent: { id, threadId, sandbox }, agentStatus: "pendingInit" };
}

export function published(answer: PublishAnswer): Partial<Phase2Context> {
  return answer.kind === "published" ? { generation: answer.generation } : {};
}

/** Without an agent and with inputs, syncing found nothing to do. */
export function drafted(
  answer: DraftAnswer,
  { agent, inputs }: Pick<Phase2Context, "agent" | "inputs">,
): Partial<Phase2Context> {
  if (answer.kind !== "kept") return {};
  const isUnchanged = agent === null && inputs !== 0;
  return { draft: answer.draft, ...(isUnchanged ? { status: "succeeded_no_workspace_changes" } : {}) };
}

/** An error may carry a more exact status than the step it came from. */
export function fault(status: FailedStatus, error: unknown): { status: FailedStatus; cause: string } {
  const exact = EXACT.find((code) => code === codeOf(error));
  return { status: exact ?? status, cause: causeOf(error) };
}

/** What a machine remembers of a failure; a second one, while the run is ending, keeps the first in its cause. */
export function failureAfter<Failed extends string, Before extends string>(
  before: { readonly status: Before | null; readonly cause: string | null },
  { status, cause }: { readonly status: Failed; readonly cause: string | null },
): { status: Failed; cause: string | null } {
  return {
    status,
    cause: before.status === null ? cause : [before.status, before.cause, cause].filter(Boolean).join(": "),
  };
}

export function joinedCause({ cause: before }: { readonly cause: string | null }, cause: string): string {
  return [before, cause].filter(Boolean).join("; ");
}

/** What a step may report beside its own failure. */
const EXACT: readonly FailedStatus[] = [
  "failed_lost_ownership",
  "failed_agent",
  "machine_lost",
  "failed_subscribe_status",
  "failed_sandbox_policy",
];

/**
 * Typed stubs: the machine names its actors and says what goes in and out; the engine fills them with
 * `machine.provide`. An unfilled promise says so, an unfilled stream stays silent, so that the machine also
 * runs unprovided in Stately's simulator.
 */
export function notProvided<Output, Input extends NonReducibleUnknown>(name: string) {
  return fromPromise<Output, Input>(() => Promise.reject(new Error(`The actor "${name}" was not provided.`)));
}

export function never<Event extends EventObject, Input extends NonReducibleUnknown>() {
  return fromEventObservable<Event, Input>(() => NEVER);
}
