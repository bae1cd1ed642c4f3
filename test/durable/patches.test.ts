import { expect, test } from "vitest";
import { assign, fromCallback, setup } from "xstate";
import { durableWorld } from "./world.ts";

interface Context {
  readonly list: number[];
  readonly [name: string]: unknown;
}

/** Every step changes something of another kind: parts of the context, in place or not, children, history, timers. */
const changing = setup({
  types: {
    context: {} as Context,
    events: {} as { type: "add"; n: number } | { type: "leave" } | { type: "back" },
  },
  actors: { listen: fromCallback(() => () => {}) },
  actions: {
    // In place, which XState does not ask for, but nothing forbids either.
    change: assign(({ context, event }) => {
      const { n } = event as { n: number };
      context.list.push(n);
      return { list: context.list, [`part${n % 3}`]: n % 2 === 0 ? { n } : undefined, drawn: Math.random() };
    }),
  },
}).createMachine({
  id: "changing",
  context: { list: [] },
  initial: "here",
  states: {
    here: {
      invoke: { id: "ear", src: "listen" },
      initial: "one",
      on: { add: { actions: "change" }, leave: "away" },
      states: {
        one: { after: { 60000: "two" }, on: { add: { target: "two", actions: "change" } } },
        two: { invoke: { src: "listen" }, on: { add: { target: "one", actions: "change" } } },
        last: { type: "history" },
      },
    },
    away: { on: { back: "here.last", add: { actions: "change" } } },
  },
});

const EVENTS = Array.from({ length: 40 }, (_, n) => {
  if (n % 7 === 5) return { type: "leave" };
  return n % 7 === 6 ? { type: "back" } : { type: "add", n };
});

test("a run that is taken over after any step stands where it stood, whatever its steps changed", async () => {
  const world = durableWorld(changing);
  let engine = world.open();
  await engine.start({ id: "r" });
  for (const [at, event] of EVENTS.entries()) {
    await engine.send("r", event as never);
    const before = stateOf(engine.get("r")?.snapshot());
    const stored = world.shared.runs.get("r");
    expect({ at, state: JSON.parse(stored?.snapshot ?? "") }).toMatchObject({ at, state: before });
    if (at % 3 === 1) continue;
    await engine.close({ runs: "leave" });
    world.shared.held.clear();
    engine = world.open();
    const [taken] = await engine.recover();
    expect({ at, state: stateOf(taken?.snapshot()) }).toEqual({ at, state: before });
  }
  await engine.close({ runs: "leave" });
});

test("what a run had open is open after a takeover, and no more", async () => {
  const world = durableWorld(changing);
  const engine = world.open();
  await engine.start({ id: "r" });
  for (const n of [1, 2, 3]) await engine.send("r", { type: "add", n } as never);
  const open = (world.shared.intents.get("r") ?? []).map(({ key, kind }) => [key, kind]);
  expect(open).toEqual([
    ["r/0/ear", "start"],
    ["r/3/0.changing.here.two", "start"],
  ]);
});

function stateOf(snapshot: unknown): object {
  const { value, context } = snapshot as { value: unknown; context: unknown };
  return JSON.parse(JSON.stringify({ value, context })) as object;
}
