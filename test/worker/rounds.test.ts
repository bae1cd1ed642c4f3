import { describe, expect, test } from "vitest";
import { eventually, fleetWorld, heldAgents } from "./world.ts";

const EVERY = { everyMs: 60_000 };

describe("a worker that works in rounds", () => {
  test("first waits for what makes spaces due, and says when that fails, and goes on all the same", async () => {
    const { worker, clock, enqueue, statuses } = await fleetWorld();
    let learn = () => {};
    const before = () => new Promise<void>((resolve) => (learn = resolve));
    const one = worker(undefined, { rounds: { ...EVERY, before } });
    await one.worker.start();
    await enqueue("due");
    await clock.advance(5_000);
    expect(await statuses()).toEqual([]);
    learn();
    await eventually(() => clock.advance(50).then(statuses)).toEqual(["due succeeded"]);
    one.worker.stop();
    await enqueue("other");
    const broken = worker(undefined, {
      rounds: { ...EVERY, before: () => Promise.reject(new Error("no disk")) },
    });
    await broken.worker.start();
    await eventually(() => clock.advance(50).then(statuses)).toEqual(["due succeeded", "other succeeded"]);
    expect(broken.problems).toEqual(["null: no disk"]);
  });

  test("works on what is due until nothing is, and rests until the round is over", async () => {
    const { worker, clock, enqueue, statuses } = await fleetWorld("a", "b", "c");
    const { agent, working, finish } = heldAgents();
    const one = worker(agent, { concurrency: 2, rounds: EVERY });
    await one.worker.start();
    await clock.advance(0);
    await eventually(working).toEqual(["a", "b"]);
    finish("a");
    await eventually(() => clock.advance(50).then(working)).toEqual(["b", "c"]);
    finish("b");
    finish("c");
    await eventually(() => clock.advance(50).then(() => one.worker.status().running)).toBe(0);
    await enqueue("d");
    await clock.advance(50_000);
    expect(working()).toEqual([]);
    await eventually(() => clock.advance(1_000).then(working)).toEqual(["d"]);
    finish("d");
    await eventually(statuses).toEqual(["a succeeded", "b succeeded", "c succeeded", "d succeeded"]);
  });

  test("a space that can't be begun is tried again in the next round", async () => {
    const { worker, clock } = await fleetWorld("bad");
    const one = worker(undefined, { rounds: EVERY });
    Object.assign(one.engine, { startIfDue: () => Promise.reject(new Error("no root")) });
    await one.worker.start();
    await clock.advance(0);
    await eventually(() => one.problems).toEqual(["bad: no root"]);
    await clock.advance(55_000);
    expect(one.problems).toEqual(["bad: no root"]);
    await eventually(() => clock.advance(1_000).then(() => one.problems.length)).toBe(2);
  });

  test("begins nothing after it was stopped, and says nothing of what an engine that closes refuses", async () => {
    const { worker, clock, statuses } = await fleetWorld("a", "b", "c");
    const { agent, working } = heldAgents();
    const one = worker(agent, { concurrency: 2, rounds: EVERY });
    await one.worker.start();
    await clock.advance(0);
    await eventually(working).toEqual(["a", "b"]);
    await one.engine.close();
    await clock.advance(120_000);
    expect([one.problems, await statuses()]).toEqual([[], ["a cancelled", "b cancelled"]]);
    one.worker.stop();
    expect(clock.pending()).toBe(0);
  });
});
