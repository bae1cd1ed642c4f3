import { Subject } from "rxjs";
import { expect, test } from "vitest";
import { assign, fromCallback, fromEventObservable, fromPromise, raise, setup } from "xstate";
import { durableWorld } from "./world.ts";

test("an event that an actor sent before it was stopped, and nobody had handled yet, is dropped", async () => {
  const more$ = new Subject<{ type: "more" }>();
  const machine = setup({
    types: { context: {} as { late: number } },
    actors: { listen: fromEventObservable(() => more$) },
    actions: { count: assign(({ context }) => ({ late: context.late + 1 })) },
  }).createMachine({
    id: "late",
    context: { late: 0 },
    initial: "listening",
    states: {
      listening: { invoke: { id: "listen", src: "listen" }, on: { enough: "ended" } },
      ended: { on: { more: { actions: "count" } } },
    },
  });
  const { open, clock } = durableWorld(machine, { listen: fromEventObservable(() => more$) });
  const run = await open().start({ id: "r", input: undefined });
  await clock.advance(0);
  run.send({ type: "enough" });
  more$.next({ type: "more" });
  await clock.advance(0);
  expect([run.snapshot().value, run.snapshot().context.late]).toEqual(["ended", 0]);
});

test("an actor whose end was committed is not run again, also when its end leaves no state", async () => {
  let fetched = 0;
  const fetch = fromPromise(async () => {
    fetched += 1;
    return 1;
  });
  const machine = setup({
    types: { context: {} as { sum: number } },
    actors: { fetch },
    actions: { add: assign(({ context }) => ({ sum: context.sum + 1 })) },
  }).createMachine({
    id: "stay",
    context: { sum: 0 },
    initial: "on",
    states: { on: { invoke: { id: "fetch", src: "fetch", onDone: { actions: "add" } } } },
  });
  const { open, clock } = durableWorld(machine, { fetch });
  const first = open();
  await first.start({ id: "r", input: undefined });
  await clock.advance(0);
  await first.close({ runs: "leave" });
  const [run] = await open().recover();
  await clock.advance(0);
  expect([run?.snapshot().context.sum, fetched]).toEqual([1, 1]);
});

test("an actor's end that changes nothing is recorded with the next commit", async () => {
  const fetch = fromPromise(async () => 1);
  const machine = setup({
    types: { context: {} as { n: number } },
    actors: { fetch },
    actions: { add: assign(({ context }) => ({ n: context.n + 1 })) },
  }).createMachine({
    id: "quiet",
    context: { n: 0 },
    initial: "on",
    states: { on: { invoke: { id: "fetch", src: "fetch" }, on: { tick: { actions: "add" } } } },
  });
  const { open, clock, shared } = durableWorld(machine, { fetch });
  const run = await open().start({ id: "r", input: undefined });
  await clock.advance(0);
  run.send({ type: "tick" });
  await clock.advance(0);
  expect(shared.intents.get("r")).toEqual([]);
});

test("actors that a step stops are stopped before those it starts begin", async () => {
  const order: string[] = [];
  const lock = fromCallback(() => {
    order.push("begin");
    return () => void order.push("end");
  });
  const machine = setup({ actors: { lock } }).createMachine({
    id: "again",
    initial: "on",
    states: { on: { invoke: { id: "lock", src: "lock" }, on: { again: { target: "on", reenter: true } } } },
  });
  const { open, clock } = durableWorld(machine, { lock });
  const run = await open().start({ id: "r", input: undefined });
  run.send({ type: "again" });
  await clock.advance(0);
  expect(order).toEqual(["begin", "end", "begin"]);
});

test("a run that ended keeps no open intent", async () => {
  const never = fromPromise(() => new Promise<void>(() => {}));
  const machine = setup({ actors: { never } }).createMachine({
    id: "ends",
    initial: "on",
    states: {
      on: { invoke: { id: "never", src: "never" }, after: { 3600000: "over" }, on: { stop: "over" } },
      over: { type: "final" },
    },
  });
  const { open, shared } = durableWorld(machine, { never });
  const run = await open().start({ id: "r", input: undefined });
  expect(shared.intents.get("r")?.length).toBe(2);
  run.send({ type: "stop" });
  await run.done;
  expect(shared.intents.get("r")).toEqual([]);
});

test("no timer is set that Node cannot hold, and the one of a month does not ring before", async () => {
  const machine = setup({}).createMachine({
    id: "long",
    initial: "waiting",
    states: { waiting: { after: { 2592000000: "rung" } }, rung: {} },
  });
  const { open, clock } = durableWorld(machine);
  let longest = 0;
  const setTimeout = (fn: () => void, ms: number) => {
    longest = Math.max(longest, ms);
    return clock.setTimeout(fn, ms);
  };
  const run = await open({ clock: { ...clock, setTimeout } }).start({ id: "r", input: undefined });
  expect(longest).toBeLessThanOrEqual(2 ** 31 - 1);
  await clock.advance(120_000);
  expect(run.snapshot().value).toBe("waiting");
});

test("the end of a child machine's actor that changes nothing is recorded with the next commit of the run", async () => {
  let fetched = 0;
  const fetch = fromPromise(async () => {
    fetched += 1;
  });
  const child = setup({ actors: { fetch } }).createMachine({
    id: "child",
    invoke: { id: "fetch", src: "fetch" },
  });
  const machine = setup({ types: { context: {} as { n: number } }, actors: { child } }).createMachine({
    id: "parent",
    context: { n: 0 },
    invoke: { id: "child", src: "child" },
    on: { tick: { actions: assign({ n: ({ context }) => context.n + 1 }) } },
  });
  const { open, clock } = durableWorld(machine);
  const first = open();
  const run = await first.start({ id: "r" });
  await clock.advance(0);
  await run.send({ type: "tick" } as never);
  await first.close({ runs: "leave" });
  await open().recover();
  await clock.advance(0);
  expect(fetched).toBe(1);
});

test("a run that has ended leaves no intent open, also of an actor that its machine never stopped", async () => {
  const machine = setup({
    actors: { listen: fromEventObservable(() => new Subject<{ type: "more" }>()) },
  }).createMachine({
    id: "ending",
    invoke: { id: "listen", src: "listen" },
    initial: "working",
    states: { working: { on: { enough: "over" }, after: { 60000: "over" } }, over: { type: "final" } },
  });
  const { open, store, clock } = durableWorld(machine);
  const run = await open().start({ id: "r", input: undefined });
  await clock.advance(0);
  expect((await store().runs.openIntents("r")).length).toBe(2);
  run.send({ type: "enough" } as never);
  await clock.advance(0);
  expect([(await store().runs.read("r"))?.state, await store().runs.openIntents("r")]).toEqual(["done", []]);
});

test("a run that has ended has nothing open, also not an event that it had put off", async () => {
  const reminder = setup({ actors: { idle: fromCallback(() => {}) } }).createMachine({
    id: "reminder",
    entry: raise({ type: "late" }, { delay: 60_000, id: "late" }),
    initial: "waiting",
    states: { waiting: { invoke: { src: "idle" }, on: { enough: "over" } }, over: { type: "final" } },
  });
  const { open, clock, store } = durableWorld(reminder);
  const { runs } = store();
  const run = await open().start({ id: "r" });
  const before = await runs.openIntents("r");
  await run.send({ type: "enough" });
  await clock.advance(0);
  expect([before.map(({ kind }) => kind), await runs.openIntents("r")]).toEqual([["start", "timer"], []]);
});
