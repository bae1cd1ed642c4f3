import { expect, test } from "vitest";
import { assign, createMachine } from "xstate";
import type { UnfinishedPage } from "../../src/domain/run.ts";
import { overriding } from "../paths/world/ports.ts";
import { durableWorld } from "./world.ts";

const idle = createMachine({
  id: "idle",
  initial: "waiting",
  on: { cancel: ".cancelled" },
  states: { waiting: {}, cancelled: { type: "final" } },
});

test("recovery does not take a run that a faster process took over since the list was read", async () => {
  const { open, store } = durableWorld(idle);
  const first = open();
  await first.start({ id: "r", input: undefined });
  await first.close({ runs: "leave" });
  const fast = open();
  const base = store();
  const read = async (run: string) => {
    await fast.recover({ run });
    return base.runs.read(run);
  };
  const slow = open({ store: { ...base, runs: overriding(base.runs, { read }) } });
  expect([await slow.recover({}), fast.live().map(({ id }) => id)]).toEqual([[], ["r"]]);
});

test("a run whose owner cannot be looked at is left alone", async () => {
  const { open, store, shared } = durableWorld(idle);
  await open().start({ id: "r", input: undefined });
  const before = shared.runs.get("r");
  const base = store();
  const liveness = overriding(base.liveness, { probe: async () => "unknown" as const });
  expect(await open({ store: { ...base, liveness } }).recover({})).toEqual([]);
  expect(shared.runs.get("r")).toEqual(before);
});

test("recovery goes on looking after the store was busy once", async () => {
  const { open, store, clock } = durableWorld(idle);
  const first = open();
  await first.start({ id: "r", input: undefined });
  const base = store();
  let looks = 0;
  const unfinished = async (page: UnfinishedPage) => {
    looks += 1;
    if (looks === 2) throw new Error("busy");
    return base.runs.unfinished(page);
  };
  const second = open({ store: { ...base, runs: overriding(base.runs, { unfinished }) } });
  await second.recover();
  await first.close({ runs: "leave" });
  await clock.advance(15_000);
  expect(second.live()).toEqual([]);
  await clock.advance(15_000);
  expect(second.live().map(({ id }) => id)).toEqual(["r"]);
});

test("a cancel request of another process arrives although the store was busy once", async () => {
  const { open, store, clock } = durableWorld(idle);
  const base = store();
  let isBusy = true;
  const cancelRequests = async (owner: string) => {
    if (isBusy) {
      isBusy = false;
      throw new Error("busy");
    }
    return base.runs.cancelRequests(owner);
  };
  const first = open({ store: { ...base, runs: overriding(base.runs, { cancelRequests }) } });
  const run = await first.start({ id: "r", input: undefined });
  expect(await open().cancel("r")).toBe("requested");
  await clock.advance(5_000);
  expect(run.snapshot().value).toBe("cancelled");
});

test("a process that left its run does not go on committing it", async () => {
  const { open, store, clock } = durableWorld(idle);
  const base = store();
  let commits = 0;
  const commit = async () => {
    commits += 1;
    throw new Error("busy");
  };
  const engine = open({ store: { ...base, runs: overriding(base.runs, { commit }) } });
  const run = await engine.start({ id: "r", input: undefined });
  run.send({ type: "cancel" });
  await clock.advance(0);
  await engine.close({ runs: "leave" });
  const before = commits;
  await clock.advance(60_000);
  expect(commits).toBe(before);
});

test("events that wait while a commit is under way are not handled when it finds the run taken over", async () => {
  const counter = createMachine({
    id: "counter",
    context: { count: 0 },
    on: { tick: { actions: assign({ count: ({ context }) => (context.count as number) + 1 }) } },
  });
  const { open, store, clock } = durableWorld(counter);
  const base = store();
  let commits = 0;
  const commit = async () => {
    commits += 1;
    return "fenced" as const;
  };
  const engine = open({ store: { ...base, runs: overriding(base.runs, { commit }) } });
  const run = await engine.start({ id: "r", input: undefined });
  for (let tick = 0; tick < 3; tick += 1) run.send({ type: "tick" });
  await clock.advance(0);
  expect([commits, engine.live()]).toEqual([1, []]);
});

test("a wall clock that jumps does not use up the patience with a busy store", async () => {
  const { open, store, clock } = durableWorld(idle);
  const base = store();
  let refusals = 0;
  let jumpMs = 0;
  const commit: typeof base.runs.commit = async (request) => {
    refusals += 1;
    if (refusals > 3) return base.runs.commit(request);
    if (refusals > 1) jumpMs = 3_600_000;
    throw new Error("busy");
  };
  const engine = open({
    clock: { ...clock, nowMs: () => clock.nowMs() + jumpMs },
    store: { ...base, runs: overriding(base.runs, { commit }) },
  });
  const run = await engine.start({ id: "r", input: undefined });
  run.send({ type: "cancel" });
  await clock.advance(10_000);
  expect(run.snapshot().value).toBe("cancelled");
});

test("two recoveries of one process at once adopt a run once", async () => {
  const { open } = durableWorld(idle);
  const first = open();
  await first.start({ id: "r", input: undefined });
  await first.close({ runs: "leave" });
  const adopting: string[] = [];
  const second = open({ adopting: async ({ id }) => void adopting.push(id) });
  await Promise.all([second.recover(), second.recover()]);
  expect(adopting).toEqual(["r"]);
});

test("a cancel request that was made before the owner died reaches the process that takes over", async () => {
  const { open, store, clock, shared } = durableWorld(idle);
  const first = open();
  await first.start({ id: "r", input: undefined });
  // It dies before it notices.
  shared.watchers.clear();
  await store().runs.requestCancel("r", 0);
  await first.close({ runs: "leave" });
  const [run] = await open().recover();
  await clock.advance(0);
  expect(run?.snapshot().value).toBe("cancelled");
});

test("what is asked of a run while its first commit is under way is handled after it", async () => {
  const { open, store, clock } = durableWorld(idle);
  const base = store();
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const create: typeof base.runs.create = async (...request) => {
    await released;
    return base.runs.create(...request);
  };
  const engine = open({ store: { ...base, runs: overriding(base.runs, { create }) } });
  const starting = engine.start({ id: "r", input: undefined });
  await clock.advance(0);
  void engine.cancel("r");
  release();
  const run = await starting;
  await clock.advance(0);
  expect(run.snapshot().value).toBe("cancelled");
});

test("a run of another machine is left alone: it is neither taken over nor parked", async () => {
  const { open, shared } = durableWorld(idle);
  const foreign = open({ machine: createMachine({ id: "foreign", initial: "a", states: { a: {} } }) });
  await foreign.start({ id: "r", input: undefined });
  await foreign.close({ runs: "leave" });
  const before = shared.runs.get("r");
  for (const unknownVersions of ["leave", "park"] as const) {
    expect(await open({ unknownVersions }).recover({})).toEqual([]);
    expect(await open({ unknownVersions }).recover({ run: "r" })).toEqual([]);
  }
  expect(shared.runs.get("r")).toEqual(before);
});

test("however many runs a dead process left, all are found, a page at a time", async () => {
  const { open, store } = durableWorld(idle);
  const first = open();
  const ids = Array.from({ length: 450 }, (_, at) => `r${String(at).padStart(3, "0")}`);
  for (const id of ids) await first.start({ id, input: undefined });
  await first.close({ runs: "leave" });
  const base = store();
  const asked: UnfinishedPage[] = [];
  const unfinished = (page: UnfinishedPage) => {
    asked.push(page);
    return base.runs.unfinished(page);
  };
  const second = open({ store: { ...base, runs: overriding(base.runs, { unfinished }) } });
  expect((await second.recover({})).map(({ id }) => id)).toEqual(ids);
  expect(asked).toEqual([{ limit: 200 }, { after: "r199", limit: 200 }, { after: "r399", limit: 200 }]);
});
