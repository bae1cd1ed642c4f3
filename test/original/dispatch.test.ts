import { access, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { JobRow } from "../../src/domain/job.ts";
import { scriptedHandle, scriptedRunner } from "../agents/scripted-handle.ts";
import { diligent, session } from "../engine/phase2-world.ts";
import { withdraw } from "./story.ts";
import { filesOf, type OriginalWorld, originalWorld, type Process, START, STORES } from "./world.ts";

/**
 * The original's host-level cases of phase 2, under the original's names, as whole runs. Where it works in the memory
 * root itself, we work in a private workspace. Its cases for the prompt and the schema of stage one, for the
 * developer instructions of the read path and for thread modes concern nothing that is here.
 */
const EMPTY = "# Raw Memories\n\nNo raw memories yet.\n";

describe.each(STORES)("the original's dispatch (%s)", (_, open) => {
  test("memory_root_uses_shared_global_path", async () => {
    const world = await originalWorld(open);
    await world.store.memories.upsert("global", [session(1)]);
    await once(await world.start());
    expect([...(await filesOf(join(world.home, "memories"))).keys()]).toContain("MEMORY.md");
  });

  test("clear_memory_root_contents_preserves_root_directory", async () => {
    const world = await originalWorld(open);
    await succeedOnce(world);
    await forgetAll(world);
    await once(await world.start());
    await access(world.root);
    expect([...(await filesOf(world.root))]).toEqual([["raw_memories.md", EMPTY]]);
  });

  test("completion_watermark_never_regresses_below_claimed_input_watermark", async () => {
    const world = await originalWorld(open);
    await world.store.memories.upsert("global", [session(1, { sourceUpdatedAt: 123 })]);
    await world.store.jobs.enqueue("global", 1_000);
    const result = await once(await world.start());
    expect([result.claimedWatermark, result.completionWatermark]).toEqual([1_000, 1_000]);
    expect((await world.row())?.last_success_watermark).toBe(1_000);
  });

  test("completion_watermark_uses_claimed_watermark_when_there_are_no_memories", async () => {
    const world = await originalWorld(open);
    await world.store.jobs.enqueue("global", 777);
    const result = await once(await world.start());
    expect([result.inputs, result.claimedWatermark, result.completionWatermark]).toEqual([0, 777, 777]);
    expect((await world.row())?.last_success_watermark).toBe(777);
  });

  test("completion_watermark_uses_latest_memory_timestamp_when_it_is_newer", async () => {
    const world = await originalWorld(open);
    await world.store.memories.upsert("global", [session(1, { sourceUpdatedAt: 123 })]);
    // Comes after the claim and before the inputs are loaded.
    const before = async (call: string) => {
      if (call === "memories.select") {
        await world.store.memories.upsert("global", [session(2, { sourceUpdatedAt: 456 })]);
      }
    };
    const result = await once(await world.start(diligent, { before }));
    expect([result.claimedWatermark, result.completionWatermark]).toEqual([123, 456]);
    expect((await world.row())?.last_success_watermark).toBe(456);
  });

  test("dispatch_skips_when_global_job_is_not_dirty", async () => {
    const world = await originalWorld(open);
    const agents = counted();
    const result = await once(await world.start(agents.runner));
    expect([result.status, agents.specs.length]).toEqual(["skipped_not_dirty", 0]);
    expect(await world.row()).toBeNull();
  });

  test("dispatch_skips_when_global_job_is_already_running", async () => {
    const world = await originalWorld(open);
    await world.store.memories.upsert("global", [session(1)]);
    await claimedElsewhere(world, 3_600);
    const row = await world.row();
    const agents = counted();
    const result = await once(await world.start(agents.runner));
    expect([result.status, agents.specs.length]).toEqual(["skipped_running", 0]);
    expect(await world.row()).toEqual(row);
  });

  test("dispatch_reclaims_stale_global_lock_and_starts_consolidation", async () => {
    const world = await originalWorld(open);
    await world.store.memories.upsert("global", [session(1)]);
    await claimedElsewhere(world, 0);
    const agents = counted();
    const process = await world.start(agents.runner);
    const run = await process.engine.start();
    await process.reached("supervising");
    expect(agents.specs).toEqual([
      {
        agent: "scripted",
        model: null,
        effort: "medium",
        approvals: "never",
        sandbox: "workspace-write",
        network: "none",
        run: run.id,
        key: `${run.id}/agent/0`,
        workspace: join(world.home, "staging", run.id, "workspace"),
        runFolder: join(world.home, "staging", run.id),
        prompt: expect.stringContaining(join(world.home, "staging", run.id, "workspace")),
        limits: { maxSilenceMinutes: 10, maxTurns: 40, maxTokens: null, maxCostUsd: null },
      },
    ]);
    expect(await world.row()).toMatchObject({
      status: "running",
      worker_id: process.engine.owner,
      retry_remaining: 3,
      lease_until: START + 2 + 3_600,
    });
    await process.engine.cancel(run.id);
  });

  test("dispatch_with_empty_stage1_outputs_rebuilds_local_artifacts", async () => {
    const world = await originalWorld(open);
    await succeedOnce(world);
    await mkdir(join(world.root, "skills", "demo"), { recursive: true });
    await writeFile(join(world.root, "skills", "demo", "SKILL.md"), "demo");
    await writeFile(join(world.root, "rollout_summaries", "stale.md"), "stale");
    await forgetAll(world);
    const agents = counted();
    const process = await world.start(agents.runner);
    const result = await once(process);
    expect([result.status, agents.specs.length]).toEqual(["succeeded_no_input", 0]);
    expect([...(await filesOf(world.root))]).toEqual([["raw_memories.md", EMPTY]]);
    expect((await once(process)).status).toBe("skipped_not_dirty");
  });

  test("dispatch_marks_job_for_retry_when_sandbox_policy_cannot_be_overridden", async () => {
    const world = await originalWorld(open);
    await world.store.memories.upsert("global", [session(1)]);
    const { runner, specs } = counted({ probe: async () => ({ missing: "no sandbox here" }) });
    await expectRetry(world, await world.start(runner), "failed_sandbox_policy");
    expect(specs).toEqual([]);
  });

  test("dispatch_marks_job_for_retry_when_syncing_artifacts_fails", async () => {
    const world = await originalWorld(open);
    await world.store.memories.upsert("global", [session(1)]);
    // There before the claim it would be refused; here it comes right after.
    const before = (call: string) =>
      call === "memories.recordInputs" ? writeFile(world.root, "not a folder") : null;
    const agents = counted();
    const process = await world.start(agents.runner, { before });
    const result = await once(process);
    expect([result.status, agents.specs.length]).toEqual(["failed_sync_artifacts", 0]);
    expect(result.reason?.cause).toContain("is not a folder");
    expect(await world.row()).toMatchObject(waiting("failed_sync_artifacts"));
  });

  test("dispatch_marks_job_for_retry_when_rebuilding_raw_memories_fails", async () => {
    const world = await originalWorld(open);
    await world.store.memories.upsert("global", [session(1)]);
    const before = async (call: string, state: string) => {
      if (call !== "memories.inputsOf" || state !== "syncing.rawMemories") return;
      await mkdir(join(world.home, "staging", "run-1", "workspace", "raw_memories.md"));
    };
    await expectRetry(world, await world.start(diligent, { before }), "failed_rebuild_raw_memories");
  });

  test("dispatch_marks_job_for_retry_when_spawn_agent_fails", async () => {
    const world = await originalWorld(open);
    await world.store.memories.upsert("global", [session(1)]);
    const { runner } = counted({
      spawn: async () => {
        throw new Error("the manager is gone");
      },
    });
    await expectRetry(world, await world.start(runner), "failed_spawn_agent");
    expect(await filesOf(world.root)).toEqual(new Map());
  });
});

async function once(process: Process) {
  return (await process.engine.start()).result;
}

async function succeedOnce(world: OriginalWorld): Promise<void> {
  await world.store.memories.upsert("global", [session(1)]);
  const process = await world.start();
  expect((await once(process)).status).toBe("succeeded");
  await process.close();
}

/** The only session is withdrawn. */
async function forgetAll(world: OriginalWorld): Promise<void> {
  await withdraw(world.store, 1);
}

/** A worker that is none of our processes, and of which no run is known. */
async function claimedElsewhere(world: OriginalWorld, leaseSeconds: number): Promise<void> {
  const outcome = await world.store.jobs.claim({
    space: "global",
    worker: "another",
    token: "another-token",
    leaseSeconds,
    successCooldownSeconds: 0,
    force: false,
    retries: 3,
    nowMs: world.clock.nowMs(),
  });
  expect(outcome.kind).toBe("claimed");
}

/** An agent that is started and then says nothing. */
function counted(some: Parameters<typeof scriptedRunner>[0] = {}) {
  return scriptedRunner({ spawn: async (spec) => scriptedHandle(spec.key).handle, ...some });
}

/** The failure is on the row, and the next run waits. */
async function expectRetry(world: OriginalWorld, process: Process, status: string): Promise<void> {
  expect((await once(process)).status).toBe(status);
  expect(await world.row()).toMatchObject(waiting(status));
  expect((await once(process)).status).toBe("skipped_retry_unavailable");
  const row = (await world.row()) as JobRow;
  expect((row.retry_at ?? 0) - (row.finished_at ?? 0)).toBe(3_600);
}

function waiting(status: string): Partial<JobRow> {
  return { status: "error", last_error: status, retry_remaining: 2, lease_until: null };
}
