import { expect, test } from "vitest";
import { assign, createMachine, raise, setup } from "xstate";
import { durableWorld } from "./world.ts";

test("timers that fell due while nobody lived ring in due order, whatever region they belong to", async () => {
  const order: string[] = [];
  const invoice = setup({ delays: { expiry: 1_200, reminder: 600, other: 900 } }).createMachine({
    id: "invoice",
    type: "parallel",
    states: {
      payment: {
        initial: "open",
        states: {
          open: { after: { expiry: "expired", reminder: { actions: () => order.push("reminder") } } },
          expired: { entry: () => order.push("expired") },
        },
      },
      other: { after: { other: { actions: () => order.push("other") } } },
    },
  });
  const world = durableWorld(invoice);
  const first = world.open();
  await first.start({ id: "r" });
  await first.close({ runs: "leave" });
  await world.clock.advance(5_000);
  await world.open().recover();
  await world.clock.advance(0);
  expect(order).toEqual(["reminder", "other", "expired"]);
});

test("after a sleep of the computer a timer rings within a minute: the wall clock is looked at", async () => {
  const machine = createMachine({
    id: "m",
    initial: "waiting",
    states: { waiting: { after: { 3000000: "rung" } }, rung: {} },
  });
  const world = durableWorld(machine);
  let sleptMs = 0;
  const clock = { ...world.clock, nowMs: () => world.clock.nowMs() + sleptMs };
  const run = await world.open({ clock }).start({ id: "r" });
  await world.clock.advance(300);
  sleptMs = 3_600_000;
  await world.clock.advance(60_000);
  expect(run.snapshot().value).toBe("rung");
});

test("where the wall clock is set back, timers ring after the time that they were set for, those of before and those after", async () => {
  const machine = createMachine({
    id: "m",
    type: "parallel",
    states: {
      before: { initial: "waiting", states: { waiting: { after: { 300: "rung" } }, rung: {} } },
      after: {
        initial: "off",
        states: { off: { on: { GO: "waiting" } }, waiting: { after: { 500: "rung" } }, rung: {} },
      },
    },
  });
  const world = durableWorld(machine);
  let setBackMs = 0;
  const clock = { ...world.clock, nowMs: () => world.clock.nowMs() - setBackMs };
  const run = await world.open({ clock }).start({ id: "r" });
  await world.clock.advance(100);
  setBackMs = 86_400_000;
  await run.send({ type: "GO" });
  await world.clock.advance(200);
  expect(run.snapshot().value).toEqual({ before: "rung", after: "waiting" });
  await world.clock.advance(299);
  expect(run.snapshot().value).toEqual({ before: "rung", after: "waiting" });
  await world.clock.advance(1);
  expect(run.snapshot().value).toEqual({ before: "rung", after: "rung" });
});

test("a delay without end never rings, also after a crash; one that is no number rings at once, as in XState", async () => {
  const machine = setup({
    delays: { never: () => Number.POSITIVE_INFINITY, broken: () => Number.NaN },
  }).createMachine({
    id: "m",
    type: "parallel",
    states: {
      a: { initial: "on", states: { on: { after: { never: "rung" } }, rung: {} } },
      b: { initial: "on", states: { on: { after: { broken: "rung" } }, rung: {} } },
    },
  });
  const world = durableWorld(machine);
  const first = world.open();
  await first.start({ id: "r" });
  await first.close({ runs: "leave" });
  const [run] = await world.open().recover();
  await world.clock.advance(100_000);
  expect(run?.snapshot().value).toEqual({ a: "on", b: "rung" });
});

test("a cancelled timer does not ring, and thousands of them leave nothing behind", async () => {
  const machine = setup({ types: { context: {} as { rung: number } } }).createMachine({
    id: "m",
    context: { rung: 0 },
    initial: "a",
    states: {
      a: {
        entry: raise({ type: "ring" }, { delay: 1_000, id: "t" }),
        after: { 500: { actions: [] } },
        on: { go: "b" },
      },
      b: { on: { go: "a" } },
    },
    on: { ring: { actions: assign({ rung: ({ context }) => context.rung + 1 }) } },
  });
  const world = durableWorld(machine);
  const engine = world.open();
  const run = await engine.start({ id: "r" });
  for (let n = 0; n < 300; n += 1) await run.send({ type: "go" } as never);
  expect(world.clock.pending()).toBeLessThanOrEqual(2);
  await engine.close({ runs: "leave" });
  expect(world.clock.pending()).toBe(0);
});

test("an endless loop without events ends the run in error instead of the process", async () => {
  const machine = createMachine({
    id: "m",
    initial: "a",
    states: { a: { on: { go: "b" } }, b: { always: "c" }, c: { always: "b" } },
  });
  const world = durableWorld(machine);
  const run = await world.open().start({ id: "r" });
  await run.send({ type: "go" } as never).catch(() => {});
  await expect(run.done).rejects.toMatchObject({
    code: "machine_threw",
    message: expect.stringContaining("Infinite loop"),
  });
  expect(world.shared.runs.get("r")?.state).toBe("error");
});
