import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  type AnyActorRef,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  assign,
  cancel,
  createActor,
  raise,
  sendParent,
  sendTo,
  setup,
} from "xstate";
import { manualClock } from "../agents/manual-clock.ts";
import { durableWorld } from "./world.ts";

/** What a state does when something is sent to it, by numbers that fast-check draws. */
interface Rule {
  readonly target: number;
  readonly action: number;
  readonly reenter: boolean;
}
interface Shape {
  /** By region, state and event. */
  readonly regions: readonly (readonly (readonly Rule[])[])[];
  readonly childEntry: number;
  readonly child: Shape | null;
}

const EVENTS = 3;
const STATES = 3;

const rule = fc.record({ target: fc.nat(STATES), action: fc.nat(9), reenter: fc.boolean() });
const state = fc.array(rule, { minLength: EVENTS, maxLength: EVENTS });
const region = fc.array(state, { minLength: STATES, maxLength: STATES });
const shapeOf = (child: fc.Arbitrary<Shape | null>): fc.Arbitrary<Shape> =>
  fc.record({
    regions: fc.array(region, { minLength: 1, maxLength: 2 }),
    childEntry: fc.nat(STATES - 1),
    child,
  });
const shapes = shapeOf(
  fc.option(shapeOf(fc.option(shapeOf(fc.constant(null)), { nil: null })), { nil: null }),
);
const script = fc.array(fc.oneof(fc.nat(EVENTS - 1), fc.constantFrom(100, 250)), {
  minLength: 1,
  maxLength: 8,
});

/** Messages only lead to messages of a lower number, so every exchange ends. */
function machineOf(shape: Shape, depth: number): AnyStateMachine {
  const child = shape.child === null ? null : machineOf(shape.child, depth + 1);
  const trace = (what: string) =>
    assign({ trace: ({ context }: { context: { trace: string[] } }) => [...context.trace, what].slice(-40) });
  const actionsOf = (number: number, of: string) => {
    const noted = trace(of) as never;
    const event = Number(of.at(-1));
    const lower = { type: `e${event - 1}` };
    switch (number) {
      case 1:
        return event > 0 ? [noted, raise(lower)] : [noted];
      case 2:
        return event > 0 && child !== null ? [noted, sendTo("child", lower)] : [noted];
      case 3:
        return event > 0 && depth > 0 ? [noted, sendParent(lower)] : [noted];
      case 4:
        return event > 0 ? [noted, raise(lower, { delay: 120, id: "later" })] : [noted];
      case 5:
        return [noted, cancel("later")];
      case 6:
        return event > 0
          ? [noted, sendTo(({ self }: { self: AnyActorRef }) => self, lower, { delay: 60 })]
          : [noted];
      default:
        return [noted];
    }
  };
  const regions = shape.regions.map((states, r) => {
    const names = Object.fromEntries(
      states.map((rules, s) => {
        const on = Object.fromEntries(
          rules.map(({ target, action, reenter }, e) => {
            const to = target === STATES ? {} : { target: `s${target}`, reenter };
            return [`e${e}`, { ...to, actions: actionsOf(action, `${r}${s}e${e}`) }];
          }),
        );
        const invoke =
          child !== null && r === 0 && s === shape.childEntry
            ? { invoke: { id: "child", src: "child" } }
            : {};
        return [`s${s}`, { on, ...invoke, entry: trace(`in${s}`) }];
      }),
    );
    // Left and entered again, the first region goes on where it was.
    const again = { again: { type: "history", history: "deep" } };
    return [`r${r}`, { initial: "s0", states: { ...names, ...(r === 0 ? again : {}) } }] as const;
  });
  return setup({
    types: { context: {} as { trace: string[] } },
    actors: (child === null ? {} : { child }) as never,
  }).createMachine({
    id: `m${depth}`,
    context: { trace: [] },
    type: "parallel",
    states: Object.fromEntries(regions),
  } as never) as unknown as AnyStateMachine;
}

/** All that can be seen of a machine and the machines below it. */
function seen(snapshot: AnyMachineSnapshot): unknown {
  const { child } = snapshot.children as Record<string, { getSnapshot(): AnyMachineSnapshot } | undefined>;
  return {
    value: snapshot.value,
    trace: snapshot.context.trace,
    child: child === undefined ? null : seen(child.getSnapshot()),
  };
}

async function plain(machine: AnyStateMachine, steps: readonly number[]): Promise<unknown[]> {
  const clock = manualClock();
  const actor = createActor(machine, { clock: clock as never, logger: () => {} });
  actor.subscribe({ error: () => {} });
  actor.start();
  // A child that is not there is an error of the machine, in either way to run it.
  const views = [seen(actor.getSnapshot() as never)];
  for (const step of steps) {
    if (step < EVENTS) actor.send({ type: `e${step}` });
    else await clock.advance(step);
    if (actor.getSnapshot().status !== "active") return [...views, "error"];
    views.push(seen(actor.getSnapshot() as never));
  }
  actor.stop();
  return views;
}

async function durable(
  machine: AnyStateMachine,
  steps: readonly number[],
  isRestarted: boolean,
): Promise<unknown[]> {
  const world = durableWorld(machine);
  let engine = world.open();
  let run = await engine.start({ id: "r" });
  const views = [seen(run.snapshot())];
  for (const step of steps) {
    if (step < EVENTS) await run.send({ type: `e${step}` } as never).catch(() => {});
    else await world.clock.advance(step);
    if (world.shared.runs.get("r")?.state !== "active") return [...views, "error"];
    if (isRestarted) {
      await engine.close({ runs: "leave" });
      engine = world.open();
      run = (await engine.recover())[0] ?? run;
    }
    views.push(seen(run.snapshot()));
  }
  await engine.close({ runs: "leave" });
  return views;
}

const SEEDS = [20_261_127, 7, 4_711];

test.each(SEEDS)(
  "any machine goes the same way in a plain actor, in the engine, and restarted after every event (%i)",
  async (seed) => {
    const property = fc.asyncProperty(shapes, script, async (shape, steps) => {
      const machine = machineOf(shape, 0);
      const expected = await plain(machine, steps);
      expect(await durable(machine, steps, false)).toEqual(expected);
      expect(await durable(machine, steps, true)).toEqual(expected);
    });
    await fc.assert(property, { seed, numRuns: 40 });
  },
);
