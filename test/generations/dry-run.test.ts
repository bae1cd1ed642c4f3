import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { RunResult } from "../../src/domain/event.ts";
import { createControls } from "../../src/engine/controls.ts";
import { phase2World, session, treeOf } from "../engine/phase2-world.ts";

/** A space that has been consolidated once and has something new. */
async function withNews() {
  const world = await phase2World();
  const { store, engine } = world.open();
  await store.memories.upsert("global", [session(1)]);
  await (await engine.start()).result;
  await store.memories.upsert("global", [session(2)]);
  const controls = createControls({ store, home: world.home });
  const run = async (request: { dryRun?: boolean } = {}): Promise<RunResult> =>
    (await engine.start(request)).result;
  const apply = async (result: RunResult) =>
    controls.apply({ space: "global", hash: result.dryRun?.hash ?? "" });
  return { ...world, store, engine, controls, run, apply };
}

describe("a dry run", () => {
  test("does everything but publish: same status, a hash, a diff, and no generation", async () => {
    const { run, root, store } = await withNews();
    const before = await treeOf(root);
    const result = await run({ dryRun: true });
    expect(result).toMatchObject({
      outcome: "succeeded",
      status: "succeeded",
      reason: null,
      inputs: 2,
      generation: null,
      files: {
        added: [expect.stringMatching(/^rollout_summaries\//)],
        modified: ["MEMORY.md", "raw_memories.md"],
      },
      dryRun: {
        hash: expect.stringMatching(/^[0-9a-f]{16}$/),
        diff: expect.stringContaining("+++ b/MEMORY.md"),
      },
    });
    expect(result.states.map(({ state }) => state)).toContain("drafting");
    expect(result.states.map(({ state }) => state).join(" ")).not.toContain("publishing");
    expect(await treeOf(root)).toEqual(before);
    expect(await store.generations.list("global", 9)).toHaveLength(1);
  });

  test("gives the job back exactly as it was, but for the fence", async () => {
    const { run, store } = await withNews();
    const before = await store.jobs.read("global");
    await run({ dryRun: true });
    expect(await store.jobs.read("global")).toEqual({ ...before, fence: (before?.fence ?? 0) + 1 });
  });

  test("that fails gives it back as well, retries included", async () => {
    const { store, open } = await withNews();
    const before = await store.jobs.read("global");
    const { engine } = open(async () => {
      throw new Error("no model today");
    });
    const result = await (await engine.start({ dryRun: true })).result;
    expect(result).toMatchObject({ outcome: "failed", status: "failed_agent", dryRun: null });
    expect(await store.jobs.read("global")).toEqual({ ...before, fence: (before?.fence ?? 0) + 1 });
  });

  test("that is cancelled gives it back as well", async () => {
    const { store, open } = await withNews();
    const before = await store.jobs.read("global");
    const { engine } = open(({ signal }) => new Promise((_, stop) => signal.addEventListener("abort", stop)));
    const run = await engine.start({ dryRun: true });
    await engine.cancel(run.id);
    expect(await run.result).toMatchObject({ outcome: "cancelled" });
    expect(await store.jobs.read("global")).toEqual({ ...before, fence: (before?.fence ?? 0) + 1 });
  });

  test("without input shows what would be cleared", async () => {
    const { run, shared, store } = await withNews();
    shared.outputs.get("global")?.clear();
    await store.jobs.enqueue("global", 1_999_999_999);
    const result = await run({ dryRun: true });
    expect(result).toMatchObject({
      status: "succeeded_no_input",
      files: { added: [], deleted: expect.arrayContaining(["MEMORY.md", "memory_summary.md"]) },
    });
  });

  test("to which nothing changed says so, and its draft can be applied", async () => {
    const { run, apply, store } = await withNews();
    await run();
    await store.jobs.enqueue("global", 1_999_999_999);
    const result = await run({ dryRun: true });
    expect(result).toMatchObject({ status: "succeeded_no_workspace_changes", dryRun: { diff: "" } });
    expect((await apply(result)).kind).toBe("unchanged");
    expect(await store.jobs.read("global")).toMatchObject({ status: "done" });
  });

  test("drafts are few and don't grow old", async () => {
    const { store, engine } = await withNews();
    for (let limit = 1; limit < 15; limit += 1) {
      await store.memories.upsert("global", [session(2 + limit)]);
      await (await engine.start({ dryRun: true })).result;
    }
    expect(await store.generations.drafts("global")).toHaveLength(10);
  });
});

describe("apply", () => {
  test("publishes exactly what the dry run made, and settles the job with its watermark", async () => {
    const { run, apply, root, store } = await withNews();
    const result = await run({ dryRun: true });
    const draft = await store.generations.draft("global", result.dryRun?.hash ?? "");
    expect(await apply(result)).toMatchObject({
      kind: "applied",
      generation: `${result.run}-published`,
      files: result.files,
    });
    const current = await store.generations.current("global");
    expect(current?.manifest).toEqual(draft?.manifest);
    expect(current?.generation).toMatchObject({ run: result.run, kind: "published", agent: "function" });
    expect((await treeOf(root))?.["MEMORY.md"]).toContain("# Task Group: shop");
    expect(await store.jobs.read("global")).toMatchObject({
      status: "done",
      last_success_watermark: result.completionWatermark,
    });
    // Repeated, as after a crash before the settlement.
    expect((await apply(result)).kind).toBe("unchanged");
  });

  test("with new, updated or lost inputs says which, and leaves all as it was", async () => {
    const { run, apply, root, store } = await withNews();
    const result = await run({ dryRun: true });
    const [tree, job] = [await treeOf(root), await store.jobs.read("global")];
    await store.memories.upsert("global", [session(3), session(1, { sourceUpdatedAt: 1_774_300_000 })]);
    await expect(apply(result)).rejects.toMatchObject({
      code: "draft_outdated",
      message: expect.stringMatching(
        new RegExp(`new input ${session(3).threadId}; updated input ${session(1).threadId}\\.`),
      ),
    });
    expect(await treeOf(root)).toEqual(tree);
    expect(await store.jobs.read("global")).toMatchObject({ status: job?.status, lease_until: null });
  });

  test("on a memory edited by hand since then names the generation and the files", async () => {
    const { run, apply, root } = await withNews();
    const result = await run({ dryRun: true });
    await writeFile(join(root, "MEMORY.md"), "# Mine\n");
    await expect(apply(result)).rejects.toMatchObject({
      message: expect.stringMatching(
        /the folder was edited by hand \(generation .*-edited-.*\); file modified MEMORY\.md\./,
      ),
    });
    expect(await readFile(join(root, "MEMORY.md"), "utf8")).toBe("# Mine\n");
  });

  test("on another generation names it", async () => {
    const { run, apply } = await withNews();
    const result = await run({ dryRun: true });
    const other = await run();
    await expect(apply(result)).rejects.toMatchObject({
      code: "draft_outdated",
      message: expect.stringContaining(`the memory moved on (generation ${other.generation} instead of`),
    });
  });

  test("while a run lives it is not done", async () => {
    const { run, apply, open, store } = await withNews();
    const result = await run({ dryRun: true });
    let isAtWork = () => {};
    const working = new Promise<void>((done) => {
      isAtWork = done;
    });
    const { engine } = open(({ signal }) => {
      isAtWork();
      return new Promise((_, stop) => signal.addEventListener("abort", stop));
    });
    const living = await engine.start();
    await working;
    expect(await apply(result)).toEqual({ kind: "running" });
    await engine.cancel(living.id);
    await living.result;
    expect((await apply(result)).kind).toBe("applied");
    expect((await store.jobs.read("global"))?.status).toBe("done");
  });

  test("what an apply left claimed when it was killed is taken over", async () => {
    const { run, apply, store } = await withNews();
    const result = await run({ dryRun: true });
    const claim = { space: "global", worker: "dead", token: "left", leaseSeconds: 120, retries: 3 };
    await store.jobs.claim({
      ...claim,
      successCooldownSeconds: 0,
      force: true,
      nowMs: Date.now(),
      remember: true,
    });
    expect((await apply(result)).kind).toBe("applied");
    expect((await store.jobs.read("global"))?.status).toBe("done");
  });
});
