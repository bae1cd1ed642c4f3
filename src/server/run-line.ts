import type { RunRecord } from "../domain/run.ts";
import { type Outcome, outcomeOf, type Status } from "../domain/status.ts";
import type { Phase2Context } from "../internal/runs.ts";

/** One line for each way a run can end; where there is a cause, the cause says more. */
const ENDINGS: Readonly<Record<Status, string>> = {
  skipped_not_dirty: "not dirty",
  skipped_running: "another run works on the space",
  skipped_retry_unavailable: "waiting to retry",
  skipped_cooldown: "cooling down",
  succeeded: "",
  succeeded_no_input: "no input: the memory was cleared",
  succeeded_no_workspace_changes: "nothing changed",
  failed_claim: "the job could not be claimed",
  failed_sandbox_policy: "no sandbox for the agent",
  failed_load_stage1_outputs: "the stage-1 outputs could not be loaded",
  failed_sync_artifacts: "the workspace could not be written",
  failed_rebuild_raw_memories: "raw_memories.md could not be written",
  failed_spawn_agent: "the agent could not be started",
  failed_subscribe_status: "the agent's status could not be followed",
  failed_agent: "the agent failed",
  failed_invalid_artifacts: "the memory files were rejected",
  failed_confirm_ownership: "the ownership could not be confirmed",
  failed_budget: "a budget was reached",
  failed_publish: "the memory could not be published",
  failed_lost_ownership: "the lease was lost",
  cancelled: "cancelled",
  parked_unknown_version: "made by another version",
};

/** By dotted state or its first part. */
const DOING: Readonly<Record<string, string>> = {
  claiming: "asking for the job",
  configuring: "configuring the agent",
  loading: "loading stage-1 outputs",
  "syncing.summaries": "writing rollout summaries",
  "syncing.rawMemories": "writing raw memories",
  spawning: "starting the agent",
  supervising: "the agent is at work",
  verifying: "checking the agent's result",
  publishing: "publishing the memory",
  succeeding: "settling the job",
  failing: "releasing the job",
};

const LINE_LENGTH = 200;

/** What it is doing, or why it ended so, in one bounded line. Causes are untrusted text. */
export function lineOf(record: RunRecord, value: string, context: Partial<Phase2Context>): string {
  if (record.state === "active") {
    if (record.cancelRequestedAtMs !== null) return "asked to cancel";
    return DOING[value] ?? DOING[value.split(".")[0] ?? ""] ?? value;
  }
  const status = statusOf(record, context) ?? "failed_agent";
  if (status === "succeeded") return memories(context.inputs ?? 0);
  const cause = record.parked ?? context.cause ?? null;
  const isCauseShown = cause !== null && ["failed", "skipped"].includes(outcomeOf(status));
  const line = isCauseShown ? `${ENDINGS[status]}: ${cause}` : ENDINGS[status];
  return line.length > LINE_LENGTH ? `${line.slice(0, LINE_LENGTH - 1)}…` : line;
}

/** Null while it is unfinished. A stored run that ended without a status ended in an error of the machine. */
export function statusOf(record: RunRecord, context: Partial<Phase2Context>): Status | null {
  if (record.state === "active") return null;
  if (record.state === "parked") return "parked_unknown_version";
  return context.status ?? "failed_agent";
}

/** What to ask the store for to find the runs of this outcome. */
export function statusesOf(outcome: Outcome): readonly (Status | null)[] {
  const known = (Object.keys(ENDINGS) as Status[]).filter((status) => outcomeOf(status) === outcome);
  return outcome === "failed" ? [...known, null] : known;
}

function memories(count: number): string {
  return count === 1 ? "1 memory" : `${count} memories`;
}
