import { Subject } from "rxjs";
import { describe, expect, test } from "vitest";
import {
  assign,
  emit,
  fromCallback,
  fromObservable,
  fromPromise,
  fromTransition,
  log,
  raise,
  sendParent,
  sendTo,
  setup,
  spawnChild,
  stopChild,
} from "xstate";
import { actorsOf } from "../../src/durable/actor-list.ts";
import { durableWorld } from "./world.ts";

test("people see the actors of a run: machines where they stand, and what works beside them", async () => {
  const wait = fromCallback(() => () => {});
  const parcel = setup({ actors: { wait } }).createMachine({
    id: "parcel",
    initial: "packed",
    states: { packed: { initial: "here", states: { here: { invoke: { id: "eye", src: "wait" } } } } },
  });
  const machine = setup({ actors: { parcel, wait } }).createMachine({
    id: "m",
    invoke: [
      { id: "shipment", src: "parcel" },
      { id: "ear", src: "wait" },
    ],
  });
  const world = durableWorld(machine);
  await world.open().start({ id: "r" });
  expect(await actorsOf(world.store().runs, "r")).toEqual([
    { actor: "ear", src: "wait", state: "at work" },
    { actor: "shipment", src: "parcel", state: "packed.here" },
    { actor: "shipment/eye", src: "wait", state: "at work" },
  ]);
});

/** Left by one process, taken up by the next. */
async function restarted(
  world: ReturnType<typeof durableWorld>,
  engine: { close(how: object): Promise<void> },
) {
  await engine.close({ runs: "leave" });
  const next = world.open();
  const [run] = await next.recover();
  if (run === undefined) throw new Error("nothing to recover");
  return { run, engine: next };
}

describe("child machines", () => {
  const charges: string[] = [];
  const payment = setup({
    actors: { charge: fromPromise(async () => void charges.push("charged")) },
    delays: { hold: 1_000 },
  }).createMachine({
    id: "payment",
    initial: "charging",
    states: {
      charging: { invoke: { src: "charge", onDone: "holding" } },
      holding: { after: { hold: "ok" } },
      ok: { type: "final" },
    },
    output: { receipt: 7 },
  });
  const order = setup({ types: { context: {} as { receipt: number } }, actors: { payment } }).createMachine({
    id: "order",
    context: { receipt: 0 },
    initial: "paying",
    states: {
      paying: {
        invoke: {
          id: "payment",
          src: "payment",
          onDone: {
            target: "paid",
            actions: assign(({ event }) => ({ receipt: (event.output as { receipt: number }).receipt })),
          },
        },
      },
      paid: { type: "final" },
    },
  });

  test("go on where they stood: nothing that ended is repeated, and their timers keep their due time", async () => {
    charges.length = 0;
    const world = durableWorld(order);
    const first = world.open();
    await first.start({ id: "r" });
    await world.clock.advance(400);
    expect(Object.keys((await first.snapshot("r"))?.actors ?? {})).toEqual(["payment"]);
    const { run } = await restarted(world, first);
    await world.clock.advance(599);
    expect(run.snapshot().value).toBe("paying");
    await world.clock.advance(1);
    expect([run.snapshot().value, run.snapshot().context, charges]).toEqual([
      "paid",
      { receipt: 7 },
      ["charged"],
    ]);
    expect([world.shared.actors.get("r")?.size, world.shared.intents.get("r")]).toEqual([0, []]);
  });

  test("the log says which actor each event went to", async () => {
    const world = durableWorld(order);
    const engine = world.open();
    await engine.start({ id: "r" });
    await world.clock.advance(1_000);
    const history = await engine.history("r");
    expect(history.map(({ sequence, actor, type, value }) => [sequence, actor, type, value])).toEqual([
      [0, undefined, "xstate.init", "paying"],
      [1, "payment", "xstate.done.actor.0.payment.charging", "holding"],
      [2, "payment", "xstate.after.hold.payment.holding", "ok"],
      [2, undefined, "xstate.done.actor.payment", "paid"],
    ]);
  });

  test("a step writes the actors that it changed, and no other", async () => {
    const ticker = setup({}).createMachine({
      id: "t",
      initial: "a",
      states: { a: { on: { tick: "b" } }, b: { on: { tick: "a" } } },
    });
    const many = setup({ actors: { ticker } }).createMachine({
      id: "many",
      invoke: [1, 2, 3].map((n) => ({ id: `t${n}`, src: "ticker" as const })),
      on: { tick: { actions: sendTo("t2", { type: "tick" }) } },
    });
    const world = durableWorld(many);
    const engine = world.open();
    const run = await engine.start({ id: "r" });
    const before = new Map(world.shared.actors.get("r"));
    await run.send({ type: "tick" } as never);
    const changed = [...(world.shared.actors.get("r") ?? [])].filter(([key, row]) => before.get(key) !== row);
    expect(changed.map(([key]) => key)).toEqual(["t2"]);
  });

  test("one that throws ends, and its parent hears the error", async () => {
    const broken = setup({}).createMachine({
      id: "broken",
      initial: "a",
      states: {
        a: {
          on: {
            go: {
              actions: assign(() => {
                throw new Error("no state");
              }),
            },
          },
        },
      },
    });
    const parent = setup({ types: { context: {} as { why: unknown } }, actors: { broken } }).createMachine({
      id: "parent",
      context: { why: null },
      initial: "on",
      states: {
        on: {
          invoke: {
            id: "broken",
            src: "broken",
            onError: { target: "off", actions: assign(({ event }) => ({ why: event.error })) },
          },
          on: { go: { actions: sendTo("broken", { type: "go" }) } },
        },
        off: {},
      },
    });
    const world = durableWorld(parent);
    const run = await world.open().start({ id: "r" });
    await run.send({ type: "go" } as never);
    expect([run.snapshot().value, run.snapshot().context]).toEqual(["off", { why: { message: "no state" } }]);
    expect(world.shared.actors.get("r")?.size).toBe(0);
  });

  test("of any depth talk to their parents, by name and across a crash", async () => {
    const leaf = setup({}).createMachine({
      id: "leaf",
      on: { ask: { actions: sendParent({ type: "answer" }) } },
    });
    const middle = setup({ actors: { leaf } }).createMachine({
      id: "middle",
      invoke: { id: "leaf", src: "leaf", systemId: "the-leaf" },
      on: { answer: { actions: sendParent({ type: "answer" }) } },
    });
    const top = setup({ types: { context: {} as { answers: number } }, actors: { middle } }).createMachine({
      id: "top",
      context: { answers: 0 },
      invoke: { id: "middle", src: "middle" },
      on: {
        ask: { actions: sendTo(({ system }) => system.get("the-leaf"), { type: "ask" }) },
        answer: { actions: assign(({ context }) => ({ answers: context.answers + 1 })) },
      },
    });
    const world = durableWorld(top);
    const first = world.open();
    await (await first.start({ id: "r" })).send({ type: "ask" } as never);
    const { run, engine } = await restarted(world, first);
    await run.send({ type: "ask" } as never);
    expect([run.snapshot().context, Object.keys((await engine.snapshot("r"))?.actors ?? {})]).toEqual([
      { answers: 2 },
      ["middle", "middle/leaf"],
    ]);
  });
});

describe("spawned actors", () => {
  const jobs: string[] = [];
  const job = fromPromise(async ({ input }: { input: { n: number } }) => {
    jobs.push(`job ${input.n}`);
    await new Promise<void>(() => {});
  });

  test("in assign, in the context factory, and by spawnChild without a name: all start, and start again", async () => {
    jobs.length = 0;
    const machine = setup({
      types: { context: {} as { first: unknown; more: unknown[] } },
      actors: { job },
    }).createMachine({
      id: "m",
      context: ({ spawn }) => ({ first: spawn("job", { id: "first", input: { n: 0 } }), more: [] }),
      on: {
        add: {
          actions: assign({
            more: ({ context, spawn }) => [...context.more, spawn("job", { id: "a", input: { n: 1 } })],
          }),
        },
        unnamed: {
          actions: [spawnChild("job", { input: { n: 2 } }), spawnChild("job", { input: { n: 3 } })],
        },
        stop: { actions: stopChild(({ context }) => context.first as never) },
      },
    });
    const world = durableWorld(machine);
    const first = world.open();
    const run = await first.start({ id: "r" });
    await run.send({ type: "add" });
    await run.send({ type: "unnamed" });
    expect(jobs).toEqual(["job 0", "job 1", "job 2", "job 3"]);
    expect(new Set((world.shared.intents.get("r") ?? []).map(({ key }) => key)).size).toBe(4);
    const { run: again } = await restarted(world, first);
    expect(jobs.slice(4)).toEqual(["job 0", "job 1", "job 2", "job 3"]);
    await again.send({ type: "stop" });
    expect((world.shared.intents.get("r") ?? []).length).toBe(3);
  });

  test("logic without a name in assign ends the run in error, and says why", async () => {
    const machine = setup({ types: { context: {} as { ref: unknown } } }).createMachine({
      id: "m",
      context: { ref: null },
      on: { go: { actions: assign({ ref: ({ spawn }) => spawn(fromPromise(async () => 1)) }) } },
    });
    const run = await durableWorld(machine).open().start({ id: "r" });
    await run.send({ type: "go" }).catch(() => {});
    await expect(run.done).rejects.toMatchObject({ cause: { code: "inline_actor" } });
  });

  test("an actor of pure logic keeps its state across a crash", async () => {
    const count = fromTransition(
      (n: number, event: { type: string }) => (event.type === "more" ? n + 1 : n),
      0,
    );
    const machine = setup({ actors: { count } }).createMachine({
      id: "m",
      invoke: { id: "count", src: "count" },
      on: { more: { actions: sendTo("count", { type: "more" }) } },
    });
    const world = durableWorld(machine);
    const first = world.open();
    await (await first.start({ id: "r" })).send({ type: "more" } as never);
    const { run } = await restarted(world, first);
    await run.send({ type: "more" } as never);
    const { count: ref } = run.snapshot().children as Record<string, { getSnapshot(): { context: unknown } }>;
    expect(ref?.getSnapshot().context).toBe(2);
  });
});

describe("messages", () => {
  test("reach a callback once, in order, and again in order after a crash of its process", async () => {
    const heard: string[] = [];
    const echo = fromCallback<{ type: string; n: number }>(({ receive, sendBack }) => {
      heard.push("begin");
      receive((event) => {
        heard.push(`${event.n}`);
        sendBack({ type: "pong" });
      });
    });
    const machine = setup({ types: { context: {} as { pongs: number } }, actors: { echo } }).createMachine({
      id: "m",
      context: { pongs: 0 },
      invoke: { id: "echo", src: "echo" },
      on: {
        ping: {
          actions: sendTo("echo", ({ event }) => ({
            type: "ping",
            n: (event as unknown as { n: number }).n,
          })),
        },
        pong: { actions: assign({ pongs: ({ context }) => context.pongs + 1 }) },
      },
    });
    const world = durableWorld(machine);
    const first = world.open();
    const run = await first.start({ id: "r" });
    for (const n of [1, 2]) await run.send({ type: "ping", n } as never);
    await world.clock.advance(0);
    expect([heard, run.snapshot().context.pongs]).toEqual([["begin", "1", "2"], 2]);
    const { run: again } = await restarted(world, first);
    await again.send({ type: "ping", n: 3 } as never);
    expect(heard.slice(3)).toEqual(["begin", "1", "2", "3"]);
  });

  test("that two machines send each other without end end the run in error", async () => {
    const echo = setup({}).createMachine({
      id: "echo",
      on: { ping: { actions: sendParent({ type: "pong" }) } },
    });
    const machine = setup({ actors: { echo } }).createMachine({
      id: "m",
      invoke: { id: "echo", src: "echo" },
      on: {
        go: { actions: sendTo("echo", { type: "ping" }) },
        pong: { actions: sendTo("echo", { type: "ping" }) },
      },
    });
    const world = durableWorld(machine);
    const run = await world.open().start({ id: "r" });
    await expect(run.send({ type: "go" } as never)).rejects.toMatchObject({
      code: "machine_threw",
      cause: { code: "endless_exchange" },
    });
    expect(world.shared.runs.get("r")?.state).toBe("error");
  });

  test("to itself with a delay survive a crash, each under a key of its own", async () => {
    const machine = setup({ types: { context: {} as { n: number } } }).createMachine({
      id: "m",
      context: { n: 0 },
      entry: [
        raise({ type: "more" }, { delay: 100 }),
        raise({ type: "more" }, { delay: 200 }),
        sendTo(({ self }) => self, { type: "more" }, { delay: 300 }),
      ],
      on: { more: { actions: assign({ n: ({ context }) => context.n + 1 }) } },
    });
    const world = durableWorld(machine);
    const first = world.open();
    await first.start({ id: "r" });
    await world.clock.advance(150);
    const { run } = await restarted(world, first);
    await world.clock.advance(150);
    expect(run.snapshot().context.n).toBe(3);
  });

  test("the snapshots of a child reach its parent", async () => {
    const value$ = new Subject<number>();
    const ticks = fromObservable(() => value$);
    const machine = setup({ types: { context: {} as { seen: unknown[] } }, actors: { ticks } }).createMachine(
      {
        id: "m",
        context: { seen: [] },
        initial: "on",
        states: {
          on: {
            invoke: {
              id: "ticks",
              src: "ticks",
              onSnapshot: {
                actions: assign({ seen: ({ context, event }) => [...context.seen, event.snapshot.context] }),
              },
              onDone: "off",
            },
          },
          off: { type: "final" },
        },
      },
    );
    const world = durableWorld(machine);
    const run = await world.open().start({ id: "r" });
    await world.clock.advance(0);
    value$.next(1);
    value$.next(2);
    value$.complete();
    await run.done;
    expect(run.snapshot().context.seen).toEqual([undefined, 1, 2]);
  });

  test("emit and log are told after the commit of their step, once", async () => {
    const machine = setup({}).createMachine({
      id: "m",
      on: { go: { actions: [log("hello", "label"), emit({ type: "notified", n: 1 } as never)] } },
    });
    const world = durableWorld(machine);
    const told: unknown[] = [];
    const engine = world.open({ logger: ({ actor, parts }) => told.push(["log", actor, parts]) });
    engine.emitted$.subscribe(({ event }) => told.push(event));
    await (await engine.start({ id: "r" })).send({ type: "go" });
    expect(told).toEqual([["log", "", ["label", "hello"]], { type: "notified", n: 1 }]);
  });
});
