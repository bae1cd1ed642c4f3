import type { JobRow } from "../../../src/domain/job.ts";
import type { Phase2Context } from "../../../src/machines/context.ts";
import { PROCESS_RECORD } from "../../../src/process/process-record.ts";
import type { Vertex } from "../graph.ts";
import { type Process, SETTINGS } from "./process.ts";
import { treeOf } from "./tree.ts";
import type { World } from "./world.ts";

type Tree = Readonly<Record<string, string>> | null;

/** What the world must look like when a step is committed; written down from the contract, not read from the code. */
export interface Expected {
  row: JobRow | null;
  /** What a dry run has to put back; null in other runs. */
  before: JobRow | null;
  root: Tree;
  /** What the workspace held when it was last looked at; becomes the root when it is published. */
  workspace: Tree;
  agentsAlive: 0 | 1;
  isRejected: boolean;
  told: readonly string[];
}

export function expectedAtStart(world: World): Expected {
  const root = treeOf(world.root);
  return { row: null, before: null, root, workspace: null, agentsAlive: 0, isRejected: false, told: [] };
}

/** What one step changes. Pure but for the look at the workspace, which nobody else touches then. */
export function expectedAfter(
  expected: Expected,
  step: {
    readonly name: string;
    readonly to: Vertex;
    readonly context: Phase2Context;
    /** How often the row was claimed until now: the first time, and each takeover before the claim was known. */
    readonly claims: number;
  },
  { world, process }: { readonly world: World; readonly process: Process },
): Expected {
  const { name, to, context } = step;
  const { row } = expected;
  const now = Math.floor(world.clock.nowMs() / 1_000);
  const told = [...expected.told];
  const next = { ...expected };
  switch (name) {
    case "claimJob: claimed":
    case "claimJob: claimed for a dry run":
      if (name !== "claimJob: claimed") next.before = row;
      told.push("counted claimed");
      next.row = row && {
        ...row,
        status: "running",
        worker_id: process.engine.owner,
        ownership_token: context.token,
        started_at: now,
        finished_at: null,
        retry_at: null,
        last_error: null,
        fence: row.fence + step.claims,
      };
      break;
    case "spawnAgent: spawned":
      told.push("counted agent_spawned", "inputs 2", "phase 2 running");
      next.agentsAlive = 1;
      break;
    case "verifyArtifacts: passed":
    case "syncRawMemories: changed":
      next.workspace = treeOf(`${world.staging}/workspace`);
      break;
    case "publishMemory: published":
      next.root = published(expected.root, next.workspace, treeOf(world.root));
      break;
    case "closeAgent: closed":
      next.agentsAlive = 0;
      next.isRejected ||= context.status === "failed_invalid_artifacts";
      break;
    case "closeAgent: error":
      next.isRejected ||= context.status === "failed_invalid_artifacts";
      break;
    case "recordSuccess: applied":
    case "recordSuccess: already":
      next.row = row && (putBack(expected) ?? succeeded(row, context, now));
      break;
    case "recordFailure: applied":
    case "recordFailure: already":
      next.row = row && (putBack(expected) ?? failed(row, context, now));
      break;
  }
  if (to.edges.length === 0) told.push(`counted ${context.status}`, TEXTS[context.status ?? ""] ?? "no text");
  return { ...next, told };
}

function succeeded(row: JobRow, { completionWatermark }: Phase2Context, now: number): JobRow {
  return {
    ...row,
    status: "done",
    finished_at: now,
    lease_until: null,
    last_error: null,
    last_success_watermark: completionWatermark,
  };
}

/** Cancelled, or without its machine, it is released; else it waits for its next try. */
function failed(row: JobRow, { status }: Phase2Context, now: number): JobRow {
  if (status === "cancelled" || status === "machine_lost") {
    return { ...row, status: "pending", worker_id: null, lease_until: null, last_error: status };
  }
  return {
    ...row,
    status: "error",
    finished_at: now,
    lease_until: null,
    retry_at: now + SETTINGS.retryDelaySeconds,
    retry_remaining: row.retry_remaining - 1,
    last_error: status,
  };
}

/** After a dry run: the row as it was, but for the fence, which never falls. Null for other runs. */
function putBack({ row, before }: Expected): JobRow | null {
  return before === null || row === null ? null : { ...before, fence: row.fence };
}

/** The workspace's files and the mark; of folders, those that hold something, and those that were there before. */
function published(before: Tree, workspace: Tree, after: Tree): Tree {
  const paths = Object.keys(workspace ?? {});
  const isShown = (path: string) =>
    !path.endsWith("/") ||
    path in (before ?? {}) ||
    paths.some((other) => other !== path && other.startsWith(path));
  const shown = Object.entries(workspace ?? {}).filter(([path]) => isShown(path));
  return { ...Object.fromEntries(shown), ".slowwave": after?.[".slowwave"] ?? "no mark" };
}

/** After a takeover: the row is another process's, the run's token stays. */
export function expectedTakenOver(
  expected: Expected,
  { engine }: Process,
  context: Phase2Context,
  found: World,
): Expected {
  const { row, root, workspace } = expected;
  // A publish that broke off, as the row says, is brought to its end by whoever comes next.
  const isBrokenOff = row?.last_error === "failed_publish";
  const isHeld = row?.status === "running" && row.ownership_token === context.token;
  return {
    ...expected,
    agentsAlive: 0,
    root: isBrokenOff ? published(root, workspace, treeOf(found.root)) : root,
    row: isHeld ? { ...row, worker_id: engine.owner, fence: row.fence + 1 } : row,
  };
}

/** The lease of a row that is still the run's own ends this long after it was last prolonged. */
export function withLease(
  { row }: Expected,
  context: Phase2Context,
  leasedAtMs: number | null,
): JobRow | null {
  if (row?.status !== "running" || row.ownership_token !== context.token || leasedAtMs === null) return row;
  return { ...row, lease_until: Math.floor(leasedAtMs / 1_000) + SETTINGS.leaseSeconds };
}

export function foundIn(
  world: World,
  { value }: Vertex,
): {
  readonly root: Tree;
  readonly agentsAlive: number;
  readonly isRejected: boolean;
  readonly hasStaging: boolean | "either";
} {
  // Of an agent that could not be ended the record of its process stays, for whoever tries again.
  const hasStaging = Object.keys(treeOf(world.staging) ?? {}).some((name) => name !== PROCESS_RECORD);
  return {
    root: treeOf(world.root),
    agentsAlive: world.agents.alive().length,
    isRejected: treeOf(world.rejected) !== null,
    hasStaging: STAGED.test(value) || CLEARED.test(value) ? hasStaging : "either",
  };
}

/** Where a private workspace must be, and where nothing of it may be left. */
export const STAGED = /^(syncing\.rawMemories|spawning|supervising|verifying|drafting|publishing)/;
export const CLEARED = /(\.recording|^claiming|^configuring|^succeeded|^failed|^skipped)$/;

/** The original's progress texts, and ours, by status (contract, section 6). */
const TEXTS: Readonly<Record<string, string>> = {
  skipped_not_dirty: "phase 2 up to date",
  skipped_running: "phase 2 already running",
  skipped_retry_unavailable: "phase 2 waiting to retry",
  skipped_cooldown: "phase 2 cooling down",
  succeeded: "phase 2 complete",
  succeeded_no_input: "phase 2 complete (no stage-1 outputs)",
  succeeded_no_workspace_changes: "phase 2 complete (nothing changed)",
  failed_claim: "phase 2 failed to claim global job",
  failed_sandbox_policy: "phase 2 failed (sandbox policy rejected)",
  failed_load_stage1_outputs: "phase 2 failed (could not load stage-1 outputs)",
  failed_sync_artifacts: "phase 2 failed (could not sync local artifacts)",
  failed_rebuild_raw_memories: "phase 2 failed (could not rebuild raw memories)",
  failed_spawn_agent: "phase 2 failed (could not spawn consolidation agent)",
  failed_subscribe_status: "phase 2 failed (status subscription unavailable)",
  failed_agent: "phase 2 failed",
  failed_invalid_artifacts: "phase 2 failed (memory files rejected)",
  failed_confirm_ownership: "phase 2 failed (state db unavailable)",
  failed_budget: "phase 2 failed (budget reached)",
  failed_publish: "phase 2 failed (could not publish)",
  failed_lost_ownership: "phase 2 failed (lost ownership)",
  machine_lost: "phase 2 failed (machine lost)",
  cancelled: "phase 2 cancelled",
};
