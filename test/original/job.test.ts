import { describe, expect, test } from "vitest";
import type { ClaimRequest, Lease } from "../../src/domain/job.ts";
import { asking, NOW, output } from "../../src/testing/store/given.ts";
import { type OriginalWorld, originalWorld, STORES } from "./world.ts";

/**
 * The original's state-level cases of phase 2 as it stood at the seed, under the original's names, and of what came
 * after it those that we offer as a setting. Its cases for the stage-1 queue, thread modes, usage, retention and
 * the later input selection concern nothing that is here.
 */
describe.each(STORES)("the original's job (%s)", (_, open) => {
  test("phase2_global_consolidation_reruns_when_watermark_advances", async () => {
    const world = await originalWorld(open);
    const { jobs } = world.store;
    await jobs.enqueue("global", 100);
    const lease = await claim(world, { token: "first" });
    expect(await jobs.succeed({ lease, watermark: 100, nowMs: at(1) })).toBe("applied");
    expect(await ask(world, { token: "second" })).toEqual({ kind: "skipped", why: "not-dirty" });
    await jobs.enqueue("global", 101);
    expect(await ask(world, { token: "third" })).toMatchObject({ kind: "claimed", watermark: 101 });
  });

  test("phase2_backfilled_inputs_below_last_success_still_become_dirty", async () => {
    const world = await originalWorld(open);
    const { jobs } = world.store;
    await jobs.enqueue("global", 500);
    const lease = await claim(world, { token: "first" });
    await jobs.succeed({ lease, watermark: 500, nowMs: at(1) });
    await jobs.enqueue("global", 400);
    expect(await ask(world, { token: "second" })).toMatchObject({ kind: "claimed", watermark: 501 });
  });

  test("enqueue_global_consolidation_keeps_phase2_input_watermark_monotonic", async () => {
    const world = await originalWorld(open);
    const { jobs } = world.store;
    await jobs.enqueue("global", 500);
    const lease = await claim(world, { token: "first" });
    await jobs.succeed({ lease, watermark: 500, nowMs: at(1) });
    await jobs.enqueue("global", 400);
    const cooling = { token: "second", successCooldownSeconds: 21_600 };
    expect(await ask(world, { ...cooling, nowMs: at(2) })).toEqual({ kind: "skipped", why: "cooling-down" });
    expect(await ask(world, { ...cooling, nowMs: at(21_602) })).toMatchObject({
      kind: "claimed",
      watermark: 501,
    });
  });

  test("phase2_global_lock_allows_only_one_fresh_runner", async () => {
    const world = await originalWorld(open);
    await world.store.jobs.enqueue("global", 200);
    await claim(world, { worker: "a", token: "first" });
    expect(await ask(world, { worker: "b", token: "second" })).toEqual({ kind: "skipped", why: "running" });
  });

  test("phase2_global_lock_stale_lease_allows_takeover", async () => {
    const world = await originalWorld(open);
    const { jobs } = world.store;
    await jobs.enqueue("global", 300);
    const stale = await claim(world, { worker: "a", token: "first", leaseSeconds: 0 });
    const second = await ask(world, { worker: "b", token: "second" });
    expect(second).toMatchObject({ kind: "claimed", watermark: 300 });
    expect((await world.row())?.ownership_token).toBe("second");
    expect(await jobs.succeed({ lease: stale, watermark: 300, nowMs: at(1) })).toBe("lost");
    const fresh = { space: "global", token: "second", fence: stale.fence + 1 };
    expect(await jobs.succeed({ lease: fresh, watermark: 300, nowMs: at(1) })).toBe("applied");
  });

  test("phase2_failure_fallback_updates_unowned_running_job", async () => {
    const world = await originalWorld(open);
    const { jobs } = world.store;
    await jobs.enqueue("global", 400);
    const lease = await claim(world, { token: "first" });
    world.place.edit({ ownership_token: null });
    const failure = { lease, reason: "lost", retryDelaySeconds: 3_600, nowMs: at(0) };
    expect(await jobs.fail(failure)).toBe("lost");
    expect(await jobs.failUnowned(failure)).toBe("applied");
    expect(await ask(world, { token: "second" })).toEqual({ kind: "skipped", why: "backing-off" });
  });

  test("phase2_global_lock_respects_success_cooldown", async () => {
    const world = await originalWorld(open);
    const { jobs } = world.store;
    const cooling = { successCooldownSeconds: 21_600 };
    await jobs.enqueue("global", 100);
    const lease = await claim(world, { ...cooling, token: "first" });
    await jobs.succeed({ lease, watermark: 100, nowMs: at(0) });
    await jobs.enqueue("global", 101);
    const refused = { kind: "skipped", why: "cooling-down" };
    expect(await ask(world, { ...cooling, token: "second", nowMs: at(21_599) })).toEqual(refused);
    expect(await ask(world, { ...cooling, token: "third", nowMs: at(21_601) })).toMatchObject({
      kind: "claimed",
    });
  });

  test("mark_stage1_job_succeeded_enqueues_global_consolidation", async () => {
    const world = await originalWorld(open);
    const { memories } = world.store;
    await memories.upsert("global", [output("thread-a", { sourceUpdatedAt: 100 })]);
    await memories.upsert("global", [output("thread-b", { sourceUpdatedAt: 101 })]);
    expect(await ask(world, {})).toMatchObject({ kind: "claimed", watermark: 101 });
  });

  test("list_stage1_outputs_for_global_returns_latest_outputs", async () => {
    const world = await originalWorld(open);
    const { memories } = world.store;
    await memories.upsert("global", [output("thread-a", { sourceUpdatedAt: 100 })]);
    await memories.upsert("global", [
      output("thread-b", { sourceUpdatedAt: 101, rolloutSlug: "second", cwd: "/b", gitBranch: "main" }),
    ]);
    expect(await memories.select("global", 10)).toEqual([
      output("thread-b", { sourceUpdatedAt: 101, rolloutSlug: "second", cwd: "/b", gitBranch: "main" }),
      output("thread-a", { sourceUpdatedAt: 100 }),
    ]);
    expect((await memories.select("global", 1)).map(({ threadId }) => threadId)).toEqual(["thread-b"]);
  });

  test("list_stage1_outputs_for_global_skips_empty_payloads", async () => {
    const world = await originalWorld(open);
    const { memories } = world.store;
    await memories.upsert("global", [
      output("full", { sourceUpdatedAt: 100 }),
      output("summary-only", { sourceUpdatedAt: 101, rawMemory: "  " }),
      output("empty", { sourceUpdatedAt: 102 }),
    ]);
    await memories.withdraw("global", "empty");
    const selected = await memories.select("global", 1);
    expect(selected.map(({ threadId }) => threadId)).toEqual(["summary-only"]);
    expect(await memories.count("global")).toBe(2);
  });
});

function at(seconds: number): number {
  return (NOW + seconds) * 1_000;
}

function ask({ store }: OriginalWorld, some: Partial<ClaimRequest>) {
  return store.jobs.claim(asking({ nowMs: at(0), ...some }));
}

async function claim(world: OriginalWorld, some: Partial<ClaimRequest>): Promise<Lease> {
  const outcome = await ask(world, some);
  if (outcome.kind !== "claimed") throw new Error(outcome.why);
  return { space: "global", token: some.token ?? "", fence: outcome.fence };
}
