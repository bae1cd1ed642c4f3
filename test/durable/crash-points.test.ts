import { describe, expect, test } from "vitest";
import {
  type AnyStateMachine,
  assign,
  fromCallback,
  fromPromise,
  fromTransition,
  raise,
  sendParent,
  sendTo,
  setup,
} from "xstate";
import type { CommitRequest } from "../../src/domain/run.ts";
import { createDurableEngine } from "../../src/durable/engine.ts";
import { never, overriding } from "../paths/world/ports.ts";
import { durableWorld } from "./world.ts";

/** What a pattern of XState's documentation does: the effects of its actors are counted by key. */
interface Pattern {
  machine(effect: (key: string) => void): AnyStateMachine;
  /** Sent one after the other, each once. */
  readonly events: readonly string[];
  /** Actors that may be begun again while their end is not committed; all else happens once. */
  readonly restarted: readonly string[];
}

const counting = assign({ n: ({ context }: { context: { n: number } }) => context.n + 1 }) as never;
const types = { context: {} as { n: number } };

const patterns: Readonly<Record<string, Pattern>> = {
  "promises one after the other": {
    machine: (effect) => {
      const step = fromPromise(async ({ input }: { input: string }) => effect(input));
      return setup({ types, actors: { step } }).createMachine({
        id: "m",
        context: { n: 0 },
        initial: "a",
        states: {
          a: { invoke: { src: "step", input: "a", onDone: { target: "b", actions: counting } } },
          b: { invoke: { src: "step", input: "b", onDone: { target: "c", actions: counting } } },
          c: { type: "final" },
        },
      });
    },
    events: [],
    restarted: ["a", "b"],
  },
  "a child machine with a promise and a timer": {
    machine: (effect) => {
      const charge = fromPromise(async () => effect("charge"));
      const payment = setup({ actors: { charge } }).createMachine({
        id: "payment",
        initial: "charging",
        states: {
          charging: { invoke: { src: "charge", onDone: "holding" } },
          holding: { after: { 100: "ok" } },
          ok: { type: "final" },
        },
      });
      return setup({ types, actors: { payment } }).createMachine({
        id: "m",
        context: { n: 0 },
        initial: "paying",
        states: {
          paying: {
            invoke: { id: "payment", src: "payment", onDone: { target: "paid", actions: counting } },
          },
          paid: { type: "final" },
        },
      });
    },
    events: [],
    restarted: ["charge"],
  },
  "messages between a parent and its child": {
    machine: () => {
      const child = setup({ types }).createMachine({
        id: "child",
        context: { n: 0 },
        on: { ask: { actions: [counting, sendParent({ type: "answer" })] } },
      });
      return setup({ types, actors: { child } }).createMachine({
        id: "m",
        context: { n: 0 },
        invoke: { id: "child", src: "child" },
        on: { go: { actions: sendTo("child", { type: "ask" }) }, answer: { actions: counting } },
      });
    },
    events: ["go", "go"],
    restarted: [],
  },
  "delayed messages": {
    machine: () =>
      setup({ types }).createMachine({
        id: "m",
        context: { n: 0 },
        on: { go: { actions: raise({ type: "later" }, { delay: 50 }) }, later: { actions: counting } },
      }),
    events: ["go", "go"],
    restarted: [],
  },
  "a callback that answers": {
    machine: (effect) => {
      const echo = fromCallback<{ type: string }>(({ receive, sendBack }) => {
        effect("begin");
        receive(() => sendBack({ type: "answer" }));
      });
      return setup({ types, actors: { echo } }).createMachine({
        id: "m",
        context: { n: 0 },
        initial: "asking",
        states: {
          asking: {
            invoke: { id: "echo", src: "echo" },
            entry: sendTo("echo", { type: "ask" }),
            on: { answer: { target: "answered", actions: counting } },
          },
          answered: { type: "final" },
        },
      });
    },
    events: [],
    restarted: ["begin"],
  },
  "children spawned in an assignment": {
    machine: (effect) => {
      const work = fromPromise(async ({ input }: { input: string }) => effect(input));
      const spawns = assign({
        n: ({ context, spawn }: { context: { n: number }; spawn: Spawn }) => {
          spawn("work", { id: `work-${context.n}`, input: `work-${context.n}` });
          return context.n + 1;
        },
      } as never) as never;
      return setup({ types, actors: { work } }).createMachine({
        id: "m",
        context: { n: 0 },
        on: { go: { actions: spawns } },
      });
    },
    events: ["go", "go"],
    restarted: ["work-0", "work-1"],
  },
  "pure logic whose snapshots its machine follows": {
    machine: () => {
      const sum = fromTransition((state: number, event: { type: string }) => state + event.type.length, 0);
      return setup({ types, actors: { sum } }).createMachine({
        id: "m",
        context: { n: 0 },
        invoke: { id: "sum", src: "sum", onSnapshot: { actions: counting } },
        on: { go: { actions: sendTo("sum", { type: "more" }) } },
      });
    },
    events: ["go", "go"],
    restarted: [],
  },
  "parallel regions with a history and a timer each": {
    machine: () =>
      setup({ types }).createMachine({
        id: "m",
        context: { n: 0 },
        type: "parallel",
        states: {
          player: {
            initial: "playing",
            states: {
              playing: {
                initial: "slow",
                states: { slow: { after: { 100: "fast" } }, fast: {}, back: { type: "history" } },
                on: { go: "paused" },
              },
              paused: { after: { 200: { target: "playing.back", actions: counting } } },
            },
          },
          clock: { initial: "low", states: { low: { after: { 150: "high" } }, high: { entry: counting } } },
        },
      }),
    events: ["go"],
    restarted: [],
  },
  "an actor that is found by its name in the system": {
    machine: () => {
      const log = setup({ types }).createMachine({
        id: "log",
        context: { n: 0 },
        on: { line: { actions: counting } },
      });
      const writer = setup({}).createMachine({
        id: "writer",
        on: { write: { actions: sendTo(({ system }) => system.get("log"), { type: "line" }) } },
      });
      return setup({ types, actors: { log, writer } }).createMachine({
        id: "m",
        context: { n: 0 },
        invoke: [
          { id: "log", src: "log", systemId: "log" },
          { id: "writer", src: "writer" },
        ],
        on: { go: { actions: [counting, sendTo("writer", { type: "write" })] } },
      });
    },
    events: ["go", "go"],
    restarted: [],
  },
};

/** What an assignment spawns by. */
type Spawn = (src: string, options: { id: string; input: string }) => unknown;

describe.each(Object.entries(patterns))("%s", (_, pattern) => {
  test("comes to the same end with a crash before or after any commit", async () => {
    const whole = await story(pattern, null);
    expect(whole.commits).toBeGreaterThan(1);
    expect(Object.keys(whole.effects).sort()).toEqual([...pattern.restarted].sort());
    for (let at = 0; at < whole.commits; at += 1) {
      for (const moment of ["before", "after"] as const) {
        // A run whose first commit was never made is not there.
        if (at === 0 && moment === "before") continue;
        const crashed = await story(pattern, { at, moment });
        expect({ at, moment, end: crashed.end }).toEqual({ at, moment, end: whole.end });
        for (const [key, times] of Object.entries(crashed.effects)) {
          const limit = pattern.restarted.includes(key) ? 2 : 1;
          expect({ at, moment, key, isInLimit: times <= limit }).toEqual({
            at,
            moment,
            key,
            isInLimit: true,
          });
        }
      }
    }
  });
});

/** The whole story with a process that dies at one commit: before it is made, or after it and unheard. */
async function story(pattern: Pattern, crash: { at: number; moment: "before" | "after" } | null) {
  const effects: Record<string, number> = {};
  const count = (key: string) => {
    effects[key] = (effects[key] ?? 0) + 1;
  };
  let isDead = false;
  const machine = pattern.machine((key) => {
    if (!isDead) count(key);
  });
  const world = durableWorld(machine);
  const base = world.store();
  let commits = 0;
  const guarded = async (request: CommitRequest, write: () => Promise<"ok" | "fenced" | "stale">) => {
    if (isDead) return never();
    const isHit = crash?.at === commits;
    commits += 1;
    void request;
    if (isHit && crash?.moment === "before") isDead = true;
    if (isDead) return never();
    const outcome = await write();
    if (isHit) isDead = true;
    return isHit ? never() : outcome;
  };
  const runs = overriding(base.runs, {
    create: (run, first) => guarded(first, () => base.runs.create(run, first)),
    commit: (request) => guarded(request, () => base.runs.commit(request)),
  });
  const first = createDurableEngine({ store: { ...base, runs }, machine, clock: world.clock });
  void first.start({ id: "r" }).catch(() => {});
  await world.clock.advance(0);
  let engine = first;
  for (const [at, type] of pattern.events.entries()) {
    // The sender's key makes the event one, although it doesn't know whether it arrived.
    void engine.send("r", { type } as never, { key: `event-${at}` }).catch(() => {});
    await world.clock.advance(0);
  }
  await world.clock.advance(1_000);
  if (isDead) {
    isDead = false;
    // A dead process holds no lock.
    world.shared.held.clear();
    engine = world.open();
    await engine.recover();
    await world.clock.advance(0);
    for (const [at, type] of pattern.events.entries()) {
      void engine.send("r", { type } as never, { key: `event-${at}` }).catch(() => {});
      await world.clock.advance(0);
    }
    await world.clock.advance(2_000);
  }
  const end = await engine.snapshot("r");
  return {
    commits,
    effects,
    end: { state: end?.state, value: end?.value, context: end?.context, actors: end?.actors },
  };
}
