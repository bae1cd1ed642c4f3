import type { Outcome } from "./job.ts";
import { isLearnStatus, LEARN_STATES, LEARN_STATUSES, learnAdvice, learnLine } from "./phase1.ts";

/**
 * The names a run can end with, and what each means to the person: one table for progress, advice and lists.
 * Spelling is the original's; the ones marked ours have no counterpart there.
 */
export type SkippedStatus =
  | "skipped_not_dirty"
  | "skipped_running"
  | "skipped_retry_unavailable"
  | "skipped_cooldown";

export type SucceededStatus = "succeeded" | "succeeded_no_input" | "succeeded_no_workspace_changes";

export type FailedStatus =
  | "failed_claim"
  | "failed_sandbox_policy"
  | "failed_load_stage1_outputs"
  | "failed_sync_artifacts"
  | "failed_rebuild_raw_memories"
  | "failed_spawn_agent"
  | "failed_subscribe_status"
  | "failed_agent"
  | "failed_invalid_artifacts"
  | "failed_confirm_ownership"
  // ours
  | "failed_budget"
  | "failed_publish"
  | "failed_lost_ownership"
  | "machine_lost"
  | "cancelled"
  | "parked_unknown_version";

/** How a run ended. Exactly one of these is in the result and in the metric. */
export type Status = SkippedStatus | SucceededStatus | FailedStatus;

/** Counted on the way; never the end of a run. */
export type PassingStatus = "claimed" | "agent_spawned";

export function outcomeOf(status: Status): Outcome {
  if (status === "cancelled") return "cancelled";
  if (status.startsWith("skipped_")) return "skipped";
  return status.startsWith("succeeded") ? "succeeded" : "failed";
}

/** What a person reads of a status, wherever a run is shown. */
interface StatusTexts {
  /** The progress text, which is the original's where it has one. */
  readonly progress: string;
  /** The sentence of `reason.message`: what to do. */
  readonly advice: string;
  /** A few words for a list of runs, before the cause; empty where the inputs are counted instead. */
  readonly line: string;
}

/** One row for each status: a new one needs no other table. */
const STATUSES: Readonly<Record<Status, StatusTexts>> = {
  skipped_not_dirty: {
    line: "not dirty",
    progress: "phase 2 up to date",
    advice: "Nothing new since the last consolidation; import new stage-1 outputs to have something to do.",
  },
  skipped_running: {
    line: "another run works on the space",
    progress: "phase 2 already running",
    advice:
      "Something else has this space; `slowwave status` says what and for how long, `slowwave cancel` stops a run.",
  },
  skipped_retry_unavailable: {
    line: "waiting to retry",
    progress: "phase 2 waiting to retry",
    advice: "Earlier runs failed and the next try is not due; `slowwave run --now` tries at once.",
  },
  skipped_cooldown: {
    line: "cooling down",
    progress: "phase 2 cooling down",
    advice: "The last success is too recent; wait for the cooldown, or use `slowwave run --now`.",
  },
  succeeded: {
    line: "",
    progress: "phase 2 complete",
    advice: "The memory is up to date.",
  },
  succeeded_no_input: {
    line: "no input: the memory was cleared",
    progress: "phase 2 complete (no stage-1 outputs)",
    advice:
      "There were no stage-1 outputs, so the memory was cleared; `slowwave rollback` brings the last one back.",
  },
  succeeded_no_workspace_changes: {
    line: "nothing changed",
    progress: "phase 2 complete (nothing changed)",
    advice: "The memory already held everything.",
  },
  failed_claim: {
    line: "the job could not be claimed",
    progress: "phase 2 failed to claim global job",
    advice: "The store could not answer the claim; run `slowwave doctor`, then try again.",
  },
  failed_sandbox_policy: {
    line: "no sandbox for the agent",
    progress: "phase 2 failed (sandbox policy rejected)",
    advice: "The agent could not be confined to its workspace; `slowwave doctor` says what is missing.",
  },
  failed_load_stage1_outputs: {
    line: "the stage-1 outputs could not be loaded",
    progress: "phase 2 failed (could not load stage-1 outputs)",
    advice: "The stage-1 outputs could not be read; run `slowwave doctor`, then try again.",
  },
  failed_sync_artifacts: {
    line: "the workspace could not be written",
    progress: "phase 2 failed (could not sync local artifacts)",
    advice: "The workspace could not be written; check space and permissions of the home, then try again.",
  },
  failed_rebuild_raw_memories: {
    line: "raw_memories.md could not be written",
    progress: "phase 2 failed (could not rebuild raw memories)",
    advice: "raw_memories.md could not be written; check space and permissions of the home, then try again.",
  },
  failed_spawn_agent: {
    line: "the agent could not be started",
    progress: "phase 2 failed (could not spawn consolidation agent)",
    advice: "The agent could not be started; `slowwave doctor` says what is missing.",
  },
  failed_subscribe_status: {
    line: "the agent's status could not be followed",
    progress: "phase 2 failed (status subscription unavailable)",
    advice: "The agent's status could not be followed, so it was ended; try again.",
  },
  failed_agent: {
    line: "the agent failed",
    progress: "phase 2 failed",
    advice:
      "The agent did not finish its work; see `slowwave runs show`, then try again with `slowwave run --now`.",
  },
  failed_invalid_artifacts: {
    line: "the memory files were rejected",
    progress: "phase 2 failed (memory files rejected)",
    advice:
      "What the agent wrote was refused and the memory is as it was; `slowwave runs show` lists the findings.",
  },
  failed_confirm_ownership: {
    line: "the ownership could not be confirmed",
    progress: "phase 2 failed (state db unavailable)",
    advice: "The store could not confirm that the job is still ours; run `slowwave doctor`, then try again.",
  },
  failed_budget: {
    line: "a budget was reached",
    progress: "phase 2 failed (budget reached)",
    advice: "A limit was reached and the agent was ended; raise the limit it names, or give it less input.",
  },
  failed_publish: {
    line: "the memory could not be published",
    progress: "phase 2 failed (could not publish)",
    advice:
      "The memory could not be published; put right what the cause says, then run again: it continues where it stopped.",
  },
  failed_lost_ownership: {
    line: "the lease was lost",
    progress: "phase 2 failed (lost ownership)",
    advice: "Another worker took the job over, so this run stopped and changed nothing.",
  },
  machine_lost: {
    line: "its machine was lost",
    progress: "phase 2 failed (machine lost)",
    advice:
      "The run's workspace was on a machine that is gone; the job was released at no cost, and the next run begins anew.",
  },
  cancelled: {
    line: "cancelled",
    progress: "phase 2 cancelled",
    advice: "The run was cancelled and the job released; `slowwave run` starts again.",
  },
  parked_unknown_version: {
    line: "made by another version",
    progress: "phase 2 parked (unknown version)",
    advice:
      "This run belongs to another version of slowwave, or what was kept of it is damaged, and can't go on here; `slowwave cancel` releases its job.",
  },
};

/** The machine of a run, as its record names it; both share some words for how a run can end. */
export type MachineName = "phase1" | "phase2";

/** A run of phase 1 stands in the same log; what a word means there is its own. */
function textsOf(status: string, machine: string): StatusTexts {
  const isLearned = isLearnStatus(status) && (machine === "phase1" || !Object.hasOwn(STATUSES, status));
  if (!isLearned) return Object.hasOwn(STATUSES, status) ? STATUSES[status as Status] : STATUSES.failed_agent;
  const line = learnLine(status);
  return { progress: `phase 1 ${line || "complete"}`, advice: learnAdvice(status), line };
}

export const RUNNING_TEXT = "phase 2 running";

export function progressOf(status: Status, machine: string = "phase2"): string {
  return textsOf(status, machine).progress;
}

export function adviceOf(status: Status, machine: string = "phase2"): string {
  return textsOf(status, machine).advice;
}

export function lineOfStatus(status: Status, machine: string = "phase2"): string {
  return textsOf(status, machine).line;
}

/** Every status with this outcome that runs of the machine can end with. */
export function statusesWith(outcome: Outcome, machine: MachineName = "phase2"): readonly Status[] {
  const words = machine === "phase1" ? [...LEARN_STATUSES, "parked_unknown_version"] : Object.keys(STATUSES);
  return (words as Status[]).filter((status) => outcomeOf(status) === outcome);
}

/** What each state of the machine means to a person who waits, by its dotted name or the first part of it. */
const STATES: Readonly<Record<string, { readonly title: string; readonly doing: string }>> = {
  claiming: { title: "Claim the job", doing: "asking for the job" },
  configuring: { title: "Configure the agent", doing: "configuring the agent" },
  loading: { title: "Load stage-1 outputs", doing: "loading stage-1 outputs" },
  "syncing.summaries": { title: "Write rollout summaries", doing: "writing rollout summaries" },
  "syncing.rawMemories": { title: "Write raw memories", doing: "writing raw memories" },
  spawning: { title: "Start the agent", doing: "starting the agent" },
  supervising: { title: "Agent at work", doing: "the agent is at work" },
  verifying: { title: "Check its result", doing: "checking the agent's result" },
  publishing: { title: "Publish the memory", doing: "publishing the memory" },
  succeeding: { title: "Settle the job", doing: "settling the job" },
  failing: { title: "Release the job", doing: "releasing the job" },
};

/** A title and what is being done, for a state; null for an ending, which its status describes. */
export function describeState(
  state: string,
  machine: string = "phase2",
): { readonly title: string; readonly doing: string } | null {
  const first = state.split(".")[0] ?? "";
  if (machine === "phase1") return LEARN_STATES[first] ?? null;
  return STATES[state] ?? STATES[first] ?? null;
}
