import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { type AnyMachineSnapshot, createActor } from "xstate";
import { createDurableEngine } from "../../src/durable/engine.ts";
import { transitionsOf } from "../../src/durable/transition.ts";
import { phase2Machine } from "../../src/machines/phase2.ts";
import { openMemoryStore } from "../../src/persistence/memory/index.ts";
import { edgeCover, shortestWays, told } from "../paths/edge-cover.ts";
import { INPUT, keyOf, type Path, phase2Graph } from "../paths/graph.ts";
import { script } from "../paths/script.ts";
import { virtualClock } from "../paths/virtual-clock.ts";

const graph = phase2Graph();
const paths = [...edgeCover(graph), ...shortestWays(graph).there.values()];

/** What an interpreter made of a path: the state after each step, and all it remembers at the end. */
interface Trip {
  readonly states: readonly string[];
  readonly context: unknown;
}

test(`a plain actor and the durable engine go the same ways on all ${paths.length} paths, as the graph says`, async () => {
  for (const path of paths) {
    const expected = path.map(({ to }) => to);
    const plain = await walkPlain(path);
    const { states, context } = await walkDurable(path);
    expect({ path: told(graph, path), states: plain.states }).toEqual({
      path: told(graph, path),
      states: expected,
    });
    expect({ path: told(graph, path), states, context }).toEqual({ path: told(graph, path), ...plain });
  }
});

test("the log of a run folds back to every stored snapshot, byte for byte", async () => {
  const { initialTransition, transition, persist, restore } = transitionsOf(phase2Machine);
  for (const path of paths) {
    const { store, stored, run } = await walkDurable(path);
    const log = (await store.runs.log({ run, after: 0, limit: 1_000 })).filter(
      ({ sequence }) => sequence !== null,
    );
    let snapshot: AnyMachineSnapshot | null = null;
    const folded = log.map(({ data }) => {
      const event = JSON.parse(data);
      snapshot =
        snapshot === null
          ? initialTransition(event.input).snapshot
          : (transition(snapshot, event)?.snapshot as AnyMachineSnapshot);
      return persist(snapshot);
    });
    expect(folded).toEqual(stored);
    expect(stored.map((text) => persist(restore(text)))).toEqual(stored);
    await store.close();
  }
});

async function walkPlain(path: Path): Promise<Trip> {
  const { actors, say } = script();
  const actor = createActor(phase2Machine.provide({ actors: actors as never }), { input: INPUT }).start();
  const states: string[] = [];
  for (const { event } of path) {
    if (!say(event)) actor.send(event as never);
    await turn();
    states.push(keyOf(actor.getSnapshot()));
  }
  const { context } = actor.getSnapshot();
  actor.stop();
  return { states, context };
}

async function walkDurable(path: Path) {
  const { actors, say } = script();
  const store = openMemoryStore();
  const clock = virtualClock(0);
  const engine = createDurableEngine({ store, machine: phase2Machine, actors, clock });
  const run = await engine.start({ id: INPUT.run, space: INPUT.space, input: INPUT });
  const stored: string[] = [];
  const keep = async () => {
    const record = await store.runs.read(run.id);
    // An event that changes nothing writes nothing.
    if (record !== null && record.sequence === stored.length) stored.push(record.snapshot);
  };
  await keep();
  const states: string[] = [];
  for (const { event } of path) {
    if (!say(event)) run.send(event as never);
    await turn();
    states.push(keyOf(run.snapshot()));
    await keep();
  }
  const { context } = run.snapshot();
  await engine.close({ runs: "leave" });
  return { states, context, stored, store, run: run.id };
}
