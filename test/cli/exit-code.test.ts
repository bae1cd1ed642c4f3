import { expect, test } from "vitest";
import { exitCodeOf } from "../../src/cli/shell.ts";
import { outcomeOf, type Status } from "../../src/domain/status.ts";

const CODES: Readonly<Record<Status, readonly [plain: number, strict: number]>> = {
  skipped_not_dirty: [0, 3],
  skipped_running: [0, 3],
  skipped_retry_unavailable: [0, 3],
  skipped_cooldown: [0, 3],
  succeeded: [0, 0],
  succeeded_no_input: [0, 0],
  succeeded_no_workspace_changes: [0, 0],
  failed_claim: [1, 1],
  failed_sandbox_policy: [1, 1],
  failed_load_stage1_outputs: [1, 1],
  failed_sync_artifacts: [1, 1],
  failed_rebuild_raw_memories: [1, 1],
  failed_spawn_agent: [1, 1],
  failed_subscribe_status: [1, 1],
  failed_agent: [1, 1],
  failed_invalid_artifacts: [4, 4],
  failed_confirm_ownership: [1, 1],
  failed_budget: [5, 5],
  failed_publish: [1, 1],
  failed_lost_ownership: [1, 1],
  machine_lost: [1, 1],
  cancelled: [1, 1],
  parked_unknown_version: [1, 1],
};

test.each(Object.entries(CODES) as [Status, readonly [number, number]][])("%s", (status, codes) => {
  const end = { status, outcome: outcomeOf(status) };
  expect([exitCodeOf(end, { strict: false }), exitCodeOf(end, { strict: true })]).toEqual(codes);
});
