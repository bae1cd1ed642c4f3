import type { Status } from "./status.ts";

/**
 * What the person reads, keyed by how the run ended: the progress text (the original's where it has one,
 * section 7) and the sentence of `reason.message`, which says what to do.
 */
const TEXTS: Record<Status, { readonly progress: string; readonly advice: string }> = {
  skipped_not_dirty: {
    progress: "phase 2 up to date",
    advice: "Nothing new since the last consolidation; import new stage-1 outputs to have something to do.",
  },
  skipped_running: {
    progress: "phase 2 already running",
    advice:
      "Something else has this space; `slowwave status` says what and for how long, `slowwave cancel` stops a run.",
  },
  skipped_retry_unavailable: {
    progress: "phase 2 waiting to retry",
    advice: "Earlier runs failed and the next try is not due; `slowwave run --now` tries at once.",
  },
  skipped_cooldown: {
    progress: "phase 2 cooling down",
    advice: "The last success is too recent; wait for the cooldown, or use `slowwave run --now`.",
  },
  succeeded: { progress: "phase 2 complete", advice: "The memory is up to date." },
  succeeded_no_input: {
    progress: "phase 2 complete (no stage-1 outputs)",
    advice:
      "There were no stage-1 outputs, so the memory was cleared; `slowwave rollback` brings the last one back.",
  },
  succeeded_no_workspace_changes: {
    progress: "phase 2 complete (nothing changed)",
    advice: "The memory already held everything.",
  },
  failed_claim: {
    progress: "phase 2 failed to claim global job",
    advice: "The store could not answer the claim; run `slowwave doctor`, then try again.",
  },
  failed_sandbox_policy: {
    progress: "phase 2 failed (sandbox policy rejected)",
    advice: "The agent could not be confined to its workspace; `slowwave doctor` says what is missing.",
  },
  failed_load_stage1_outputs: {
    progress: "phase 2 failed (could not load stage-1 outputs)",
    advice: "The stage-1 outputs could not be read; run `slowwave doctor`, then try again.",
  },
  failed_sync_artifacts: {
    progress: "phase 2 failed (could not sync local artifacts)",
    advice: "The workspace could not be written; check space and permissions of the home, then try again.",
  },
  failed_rebuild_raw_memories: {
    progress: "phase 2 failed (could not rebuild raw memories)",
    advice: "raw_memories.md could not be written; check space and permissions of the home, then try again.",
  },
  failed_spawn_agent: {
    progress: "phase 2 failed (could not spawn consolidation agent)",
    advice: "The agent could not be started; `slowwave doctor` says what is missing.",
  },
  failed_subscribe_status: {
    progress: "phase 2 failed (status subscription unavailable)",
    advice: "The agent's status could not be followed, so it was ended; try again.",
  },
  failed_agent: {
    progress: "phase 2 failed",
    advice:
      "The agent did not finish its work; see `slowwave runs show`, then try again with `slowwave run --now`.",
  },
  failed_invalid_artifacts: {
    progress: "phase 2 failed (memory files rejected)",
    advice:
      "What the agent wrote was refused and the memory is as it was; `slowwave runs show` lists the findings.",
  },
  failed_confirm_ownership: {
    progress: "phase 2 failed (state db unavailable)",
    advice: "The store could not confirm that the job is still ours; run `slowwave doctor`, then try again.",
  },
  failed_budget: {
    progress: "phase 2 failed (budget reached)",
    advice: "A limit was reached and the agent was ended; raise the limit it names, or give it less input.",
  },
  failed_publish: {
    progress: "phase 2 failed (could not publish)",
    advice:
      "The memory root could not be written; check its space and permissions, then run again: it continues there.",
  },
  failed_lost_ownership: {
    progress: "phase 2 failed (lost ownership)",
    advice: "Another worker took the job over, so this run stopped and changed nothing.",
  },
  cancelled: {
    progress: "phase 2 cancelled",
    advice: "The run was cancelled and the job released; `slowwave run` starts again.",
  },
  parked_unknown_version: {
    progress: "phase 2 parked (unknown version)",
    advice:
      "This run belongs to another version of slowwave, or what was kept of it is damaged, and can't go on here; `slowwave cancel` releases its job.",
  },
};

export const RUNNING_TEXT = "phase 2 running";

export function progressOf(status: Status): string {
  return TEXTS[status].progress;
}

export function adviceOf(status: Status): string {
  return TEXTS[status].advice;
}
