import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { createDurableEngine } from "../../src/durable/engine.ts";
import { phase2Machine } from "../../src/machines/phase2.ts";
import { createMemoryWorld, openMemoryStore } from "../../src/persistence/memory/index.ts";
import { INPUT } from "./graph.ts";
import { script } from "./script.ts";
import { virtualClock } from "./virtual-clock.ts";
import { overriding } from "./world/ports.ts";

/** Several processes on one memory world, whose actors wait for ever. */
function processes() {
  const world = createMemoryWorld();
  return (adopting?: (run: string) => Promise<void>) => {
    const memory = openMemoryStore({ world });
    const store = { ...memory, runs: overriding(memory.runs, { create: slowly(memory.runs.create) }) };
    const engine = createDurableEngine({
      store,
      machine: phase2Machine,
      actors: script().actors,
      clock: virtualClock(0),
      ...(adopting === undefined ? {} : { adopting: ({ id }) => adopting(id) }),
    });
    return {
      engine,
      store,
      begin: (id: string, space: string) => engine.start({ id, space, input: { ...INPUT, run: id, space } }),
    };
  };
}

test("a run whose agent can't be ended keeps nobody waiting but its own space", async () => {
  const open = processes();
  const dead = open();
  await dead.begin("1", "left");
  await dead.begin("2", "left");
  await dead.begin("3", "right");
  await dead.engine.close({ runs: "leave" });
  const stubborn = async (run: string) => {
    if (run === "1") throw new Error("its agent can't be ended");
  };
  const { engine } = open(stubborn);
  expect((await engine.recover()).map(({ id }) => id)).toEqual(["3"]);
  await expect(engine.recover({ space: "left" })).rejects.toThrow("its agent can't be ended");
  expect(engine.live().map(({ id }) => id)).toEqual(["3"]);
  await engine.close({ runs: "leave" });
});

test("two calls to recover at the same time take a run over once", async () => {
  const open = processes();
  const dead = open();
  await dead.begin("1", "space");
  await dead.engine.close({ runs: "leave" });
  const adoptions: string[] = [];
  const { engine, store } = open(async (run) => {
    adoptions.push(run);
    await turn();
  });
  const both = await Promise.all([engine.recover(), engine.recover({ space: "space" })]);
  expect(both.flat().map(({ id }) => id)).toEqual(["1"]);
  expect(adoptions).toEqual(["1"]);
  expect((await store.runs.read("1"))?.fence).toBe(1);
  await engine.close({ runs: "leave" });
});

test("an engine that is closed before a run was recorded starts none", async () => {
  const { engine, begin, store } = processes()();
  const starting = begin("1", "space");
  await engine.close();
  await expect(starting).rejects.toMatchObject({ code: "engine_closed" });
  expect(await store.runs.read("1")).toBe(null);
});

test("a run that is being recorded while its engine closes is cancelled as soon as it has begun", async () => {
  const { engine, begin, store } = processes()();
  const starting = begin("1", "space");
  await turn();
  void engine.close();
  const run = await starting;
  await turn();
  await turn();
  const log = await store.runs.log({ run: "1", after: 0, limit: 10 });
  expect(log.map(({ type }) => type)).toEqual(["xstate.init", "cancel"]);
  // It waits for the answer of its claim; nobody gives one here.
  expect(run.snapshot().context.cancelled).toBe(true);
});

function slowly<Args extends readonly unknown[], Result>(work: (...args: Args) => Promise<Result>) {
  return async (...args: Args) => {
    await turn();
    await turn();
    return work(...args);
  };
}
