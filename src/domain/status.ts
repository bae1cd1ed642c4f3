/**
 * The names a run can end with, and what each means to the person and to the job row.
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
  | "cancelled"
  | "parked_unknown_version";

/** How a run ended. Exactly one of these is in the result and in the metric. */
export type Status = SkippedStatus | SucceededStatus | FailedStatus;

/** Counted on the way; never the end of a run. */
export type PassingStatus = "claimed" | "agent_spawned";

export type Outcome = "succeeded" | "failed" | "skipped" | "cancelled";

export function outcomeOf(status: Status): Outcome {
  if (status === "cancelled") return "cancelled";
  if (status.startsWith("skipped_")) return "skipped";
  return status.startsWith("succeeded") ? "succeeded" : "failed";
}
