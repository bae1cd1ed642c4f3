import { describe, expect, test } from "vitest";
import type { ClaimRequest } from "../../src/domain/job.ts";
import type { Store } from "../../src/domain/ports.ts";
import { createControls } from "../../src/engine/controls.ts";
import { freeSpace } from "../../src/memory-files/root-lock.ts";
import { createTestClock } from "../../src/testing/clock.ts";
import { commitOf, newRun } from "../../src/testing/store/given.ts";
import { phase2World, session } from "../engine/phase2-world.ts";

/** A space that someone has claimed, as a control does unless `some` says otherwise. */
async function held(some: Partial<ClaimRequest> = {}) {
  const world = await phase2World();
  const { store, engine } = world.open();
  await store.memories.upsert("global", [session(1)]);
  const before = await store.jobs.read("global");
  await store.jobs.claim({
    space: "global",
    worker: "dead",
    token: "left",
    leaseSeconds: 120,
    successCooldownSeconds: 0,
    force: true,
    retries: 3,
    nowMs: Date.now(),
    remember: true,
    ...some,
  });
  const controls = createControls({ store, home: world.home });
  const now = await store.jobs.read("global");
  const statusOfARun = async () => (await (await engine.start()).result).status;
  return { store, engine, controls, before, now, statusOfARun };
}

describe("a space that a killed apply or purge had", () => {
  test("is given back as it was, but for the fence, by an engine that recovers", async () => {
    const { engine, store, before } = await held();
    expect(await engine.recover()).toEqual([]);
    expect(await store.jobs.read("global")).toEqual({ ...before, fence: 1 });
  });

  test("keeps what was enqueued meanwhile", async () => {
    const { engine, store, before } = await held();
    await store.memories.upsert("global", [session(2)]);
    await engine.recover();
    const row = await store.jobs.read("global");
    expect(row).toMatchObject({ status: "pending", retry_remaining: before?.retry_remaining });
    expect(row?.input_watermark).toBeGreaterThan(before?.input_watermark ?? 0);
  });

  test("is free for a run at once", async () => {
    expect(await (await held()).statusOfARun()).toBe("succeeded");
  });
});

describe("is left as it is, for as long as its lease says, a space", () => {
  const untouched = async (world: Awaited<ReturnType<typeof held>>) => {
    const { engine, controls, store, now, statusOfARun } = world;
    await engine.recover();
    expect(await store.jobs.read("global")).toEqual(now);
    expect(await statusOfARun()).toBe("skipped_running");
    expect(await controls.purge({ threadId: session(1).threadId, spaces: ["global"] })).toEqual({
      kind: "running",
      space: "global",
    });
    expect(await store.jobs.read("global")).toEqual(now);
  };

  test("of another program, whose process can't be seen", async () => {
    await untouched(await held({ remember: false }));
  });

  test("of a control whose process nobody can look at", async () => {
    const { store, now } = await held();
    const liveness = { ...store.liveness, probe: async () => "unknown" as const };
    expect(await freeSpace({ store: { ...store, liveness }, clock: createTestClock() }, "global")).toBe(
      false,
    );
    expect(await store.jobs.read("global")).toEqual(now);
  });

  test("of a living control", async () => {
    const world = await held({ worker: "alive" });
    const { unregister } = await world.store.liveness.register("alive");
    await untouched(world);
    await unregister();
  });

  test("that a parked run holds, until that run is cancelled", async () => {
    const world = await held();
    await parkedRun(world.store);
    await untouched(world);
    expect(await world.engine.cancel("run-1")).toBe("cancelled");
    expect(await world.statusOfARun()).toBe("succeeded");
  });
});

/** It stands behind the claim: its context has the token. */
async function parkedRun({ runs }: Store): Promise<void> {
  const snapshot = JSON.stringify({ value: "claiming", context: { token: "left" } });
  await runs.create(newRun({ owner: "dead" }), commitOf(0, { snapshot }));
  expect(await runs.park({ run: "run-1", fence: 1, reason: "made by another", nowMs: 0 })).toBe(true);
}
