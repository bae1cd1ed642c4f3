import { expect, test } from "vitest";
import type { AgentFunction } from "../../src/agents/function-agent.ts";
import { createWorker } from "../../src/fleet/worker.ts";
import { createMemoryWorld, openMemoryStore } from "../../src/persistence/memory/index.ts";
import { diligent, phase2World, session } from "./phase2-world.ts";

/** Agents that work until they are let go, and how many were at work at once. */
function countedAgents() {
  const letGo: (() => void)[] = [];
  const count = { now: 0, most: 0 };
  const agent: AgentFunction = async (task) => {
    count.now += 1;
    count.most = Math.max(count.most, count.now);
    await new Promise<void>((resolve) => {
      letGo.push(resolve);
      task.signal.addEventListener("abort", () => resolve());
    });
    count.now -= 1;
    return diligent(task);
  };
  /** Lets one agent after the other go, each when as many as may are at work, until so many have ended. */
  const work = async (runs: number, together: number) => {
    for (let left = runs; left > 0; left -= 1) {
      while (letGo.length < Math.min(left, together)) await new Promise((resolve) => setImmediate(resolve));
      letGo.shift()?.();
    }
  };
  return { agent, count, work };
}

/** Spaces `s0`, `s1`, … with something to do, and as many engines on them as a test wants. */
async function spacesToDo(spaces: number) {
  const world = createMemoryWorld();
  const { open } = await phase2World();
  const store = openMemoryStore({ world });
  for (let n = 0; n < spaces; n += 1) await store.memories.upsert(`s${n}`, [session(n)]);
  return { world, store, open };
}

test("what a killed process left is taken over within the limit of the schedule, the rest as places are free", async () => {
  const { world, store, open } = await spacesToDo(6);
  let begun = 0;
  const endless: AgentFunction = () => {
    begun += 1;
    return new Promise(() => {});
  };
  const first = open(endless, { store: openMemoryStore({ world }) });
  await Promise.all(Array.from({ length: 6 }, (_, n) => first.engine.start({ space: `s${n}` })));
  // A killed process writes nothing more into the workspaces that the next one clears; this one only seems dead.
  while (begun < 6) await new Promise((resolve) => setImmediate(resolve));
  world.held.clear();
  const { agent, count, work } = countedAgents();
  const { engine } = open(agent, { store });
  const finished: string[] = [];
  engine.events$.subscribe((event) => {
    if (event.type === "run.finished") finished.push(event.space);
  });
  const schedule = createWorker({
    engine,
    store,
    concurrency: 2,
    rounds: { everyMs: 60_000 },
    onProblem: (_, error) => expect(error).toBeNull(),
  });
  await schedule.start();
  await work(6, 2);
  await expect.poll(() => finished.sort()).toEqual(["s0", "s1", "s2", "s3", "s4", "s5"]);
  schedule.stop();
  expect(count.most).toBe(2);
});

test("a start beyond the limit waits for its turn", async () => {
  const { store, open } = await spacesToDo(3);
  const { agent, count, work } = countedAgents();
  const { engine } = open(agent, { store, maxLiveRuns: 1 });
  const runs = ["s0", "s1", "s2"].map(async (space) => (await (await engine.start({ space })).result).status);
  await work(3, 1);
  expect([await Promise.all(runs), count.most]).toEqual([["succeeded", "succeeded", "succeeded"], 1]);
});

test("a start that waits is refused when the engine is closed", async () => {
  const { store, open } = await spacesToDo(2);
  const { agent } = countedAgents();
  const { engine } = open(agent, { store, maxLiveRuns: 1 });
  await engine.start({ space: "s0" });
  const waiting = engine.start({ space: "s1" });
  await Promise.all([engine.close(), expect(waiting).rejects.toMatchObject({ code: "engine_closed" })]);
});

test("two processes that keep one schedule begin each run once, and neither leaves a skipped one", async () => {
  const { world, store, open } = await spacesToDo(3);
  const { engine: one } = open(diligent, { store });
  const { engine: two } = open(diligent, { store: openMemoryStore({ world }) });
  for (let round = 0; round < 3; round += 1) {
    const started = ["s0", "s1", "s2"].flatMap((space) => [
      one.startIfDue({ space }),
      two.startIfDue({ space }),
    ]);
    await Promise.all((await Promise.all(started)).map((run) => run?.result));
  }
  const runs = await store.runs.tally({});
  expect(runs).toEqual([{ state: "done", status: "succeeded", count: 3 }]);
});

test("a start that must not wait is refused by name where every place is taken", async () => {
  const { store, open } = await spacesToDo(2);
  const { agent } = countedAgents();
  const { engine } = open(agent, { store, maxLiveRuns: 1 });
  const { id } = await engine.start({ space: "s0" });
  const refused = { code: "no_place" };
  await expect(engine.start({ space: "s1", waitForPlace: false })).rejects.toMatchObject(refused);
  await expect(engine.startIfDue({ space: "s1", waitForPlace: false })).rejects.toMatchObject(refused);
  expect([engine.live().map((run) => run.id), (await store.jobs.read("s1"))?.status]).toEqual([
    [id],
    "pending",
  ]);
});

test("an engine that abandons its runs ends their agents, writes nothing of them, and can take them up again", async () => {
  const { store, open } = await spacesToDo(1);
  const ended: string[] = [];
  let begun = 0;
  const agent: AgentFunction = async (task) => {
    begun += 1;
    if (begun > 1) return diligent(task);
    await new Promise<void>((resolve) => task.signal.addEventListener("abort", () => resolve()));
    ended.push(task.workspace);
    throw new Error("ended");
  };
  const { engine } = open(agent, { store });
  const run = await engine.start({ space: "s0" });
  await expect.poll(() => begun).toBe(1);
  const before = await store.runs.read(run.id);
  await engine.abandon();
  await expect(run.result).rejects.toMatchObject({ code: "run_abandoned" });
  expect([ended.length, engine.live(), await store.runs.read(run.id)]).toEqual([1, [], before]);
  const [again] = await engine.recover();
  expect([again?.id, (await again?.result)?.status]).toEqual([run.id, "succeeded"]);
});
