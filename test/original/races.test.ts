import { describe, expect, test } from "vitest";
import { asking } from "../../src/testing/store/given.ts";
import { scriptedHandle, scriptedRunner } from "../agents/scripted-handle.ts";
import { diligent, session } from "../engine/phase2-world.ts";
import { filesOf, originalWorld, type Process, STORES } from "./world.ts";

/** What looks dangerous in the original and is not; it has to stay so. */
describe.each(STORES)("races that are safe (%s)", (_, open) => {
  test.each([
    ["older than what was claimed", 50, 101],
    ["as old as what was claimed", 100, 101],
    ["newer than what was claimed", 200, 200],
  ])("an input that comes too late to be loaded and is %s leaves the job dirty", async (_, time, wanted) => {
    const world = await originalWorld(open);
    await world.store.memories.upsert("global", [session(1, { sourceUpdatedAt: 100 })]);
    const before = async (call: string) => {
      if (call === "memories.recordInputs") {
        await world.store.memories.upsert("global", [session(2, { sourceUpdatedAt: time })]);
      }
    };
    const first = await world.start(diligent, { before });
    expect(await once(first)).toMatchObject({ status: "succeeded", inputs: 1, completionWatermark: 100 });
    expect(await world.row()).toMatchObject({ input_watermark: wanted, last_success_watermark: 100 });
    await first.close();
    expect(await once(await world.start())).toMatchObject({ status: "succeeded", inputs: 2 });
  });

  test("a newer input that is loaded leaves the job clean, whenever it came", async () => {
    const world = await originalWorld(open);
    await world.store.memories.upsert("global", [session(1, { sourceUpdatedAt: 100 })]);
    const before = async (call: string) => {
      if (call === "memories.select") {
        await world.store.memories.upsert("global", [session(2, { sourceUpdatedAt: 200 })]);
      }
    };
    const process = await world.start(diligent, { before });
    expect(await once(process)).toMatchObject({ status: "succeeded", inputs: 2 });
    expect((await once(process)).status).toBe("skipped_not_dirty");
  });

  test("of many claims at once through two doors one is given the job", async () => {
    const world = await originalWorld(open);
    await world.store.jobs.enqueue("global", 100);
    const other = await world.place.open();
    const claims = Array.from({ length: 10 }, (_, n) =>
      (n % 2 === 0 ? world.store : other).jobs.claim(asking({ worker: `w${n}`, token: `t${n}` })),
    );
    const kinds = (await Promise.all(claims)).map((outcome) =>
      outcome.kind === "claimed" ? "claimed" : outcome.why,
    );
    expect(kinds.sort()).toEqual(["claimed", ...Array.from({ length: 9 }, () => "running")]);
    await other.close();
  });

  test("an owner that slept through its lease can't finalise what another has taken and finished", async () => {
    const world = await originalWorld(open);
    await world.store.memories.upsert("global", [session(1)]);
    let wake = () => {};
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    // While it sleeps none of its heartbeats arrives.
    const asleep = (call: string, state: string) =>
      call === "jobs.renew" && state === "supervising" ? new Promise<void>(() => {}) : null;
    const sleeper = await world.start(
      async (task) => {
        await woken;
        return diligent(task);
      },
      { before: asleep, maxRunMinutes: null, maxSilenceMinutes: null },
    );
    const run = await sleeper.engine.start();
    await sleeper.reached("supervising");
    world.clock.advance(3_600_000);
    expect(await once(await world.start())).toMatchObject({ status: "succeeded" });
    const [row, files] = [await world.row(), await filesOf(world.root)];
    const stale = { lease: { space: "global", token: "token-2", fence: 1 }, nowMs: world.clock.nowMs() };
    expect(await world.store.jobs.succeed({ ...stale, watermark: 2_000_000_000 })).toBe("lost");
    wake();
    expect(await run.result).toMatchObject({ status: "failed_lost_ownership", generation: null });
    expect([await world.row(), await filesOf(world.root)]).toEqual([row, files]);
  });

  test("a status that is told right before the stream ends, and before anyone watches, is heard", async () => {
    const world = await originalWorld(open);
    await world.store.memories.upsert("global", [session(1)]);
    const { runner } = scriptedRunner({
      async spawn(spec) {
        const { handle, emit, end } = scriptedHandle(spec.key);
        const { signal } = new AbortController();
        const { workspace, prompt } = spec;
        await diligent({ workspace, prompt, model: null, turn: 1, signal, finish: signal, report: () => {} });
        emit({ type: "agent.running" });
        emit({ type: "agent.completed", message: null });
        end();
        return handle;
      },
    });
    expect(await once(await world.start(runner))).toMatchObject({
      status: "succeeded",
      agent: { status: "completed" },
    });
  });
});

async function once(process: Process) {
  return (await process.engine.start()).result;
}
