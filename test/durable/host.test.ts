import { describe, expect, test } from "vitest";
import { assign, createMachine, fromPromise, setup } from "xstate";
import { createDurableEngine } from "../../src/durable/engine.ts";
import { openMemoryStore } from "../../src/persistence/memory/index.ts";
import { durableWorld } from "./world.ts";

const order = setup({
  types: {
    context: {} as { paid: number; items: string[] },
    input: {} as { items: string[] },
    events: {} as { type: "paid"; amount: number } | { type: "cancel" } | { type: "nonsense" },
  },
}).createMachine({
  id: "order",
  context: ({ input }) => ({ paid: 0, items: input?.items ?? [] }),
  initial: "open",
  on: { cancel: ".cancelled" },
  states: {
    open: {
      tags: "waiting",
      on: { paid: { target: "paid", actions: assign({ paid: ({ event }) => event.amount }) } },
    },
    paid: { tags: "money" },
    cancelled: { type: "final" },
  },
});
const input = { items: ["book"] };

describe("starting", () => {
  test("the same id with the same input is the same run, here and in another process", async () => {
    const world = durableWorld(order);
    const first = world.open();
    const run = await first.start({ id: "order-7", input });
    expect(await first.start({ id: "order-7", input })).toBe(run);
    const other = await world.open().start({ id: "order-7", input });
    expect([other.id, other.snapshot().value, world.shared.runs.size]).toEqual(["order-7", "open", 1]);
  });

  test("the same id with another input is refused", async () => {
    const world = durableWorld(order);
    await world.open().start({ id: "order-7", input });
    for (const engine of [world.open()]) {
      await expect(engine.start({ id: "order-7", input: { items: [] } })).rejects.toMatchObject({
        code: "run_exists",
      });
    }
  });

  test("several machines on one engine: new runs take the one they name", async () => {
    const shipment = createMachine({ id: "shipment", initial: "packing", states: { packing: {} } });
    const world = durableWorld(order);
    const engine = createDurableEngine({
      store: world.store(),
      clock: world.clock,
      machines: [order, shipment],
    });
    const runs = [
      await engine.start({ id: "a", input }),
      await engine.start({ id: "b", machine: "shipment" }),
    ];
    expect(runs.map((run) => run.snapshot().value)).toEqual(["open", "packing"]);
    await expect(engine.start({ machine: "nothing" })).rejects.toMatchObject({ code: "machine_missing" });
  });

  test("the types of the machine are those of its runs", async () => {
    const engine = createDurableEngine({ store: openMemoryStore(), machine: order });
    const run = await engine.start({ input });
    // @ts-expect-error: the amount is a number
    void run.send({ type: "paid", amount: "12" });
    // @ts-expect-error: there is no such event
    void run.send({ type: "payd" });
    const paid: number = run.snapshot().context.paid;
    expect(paid).toBe(0);
    await engine.close();
  });
});

describe("sending", () => {
  test("resolves with the commit, or says that nothing handled it", async () => {
    const { open } = durableWorld(order);
    const run = await open().start({ id: "r", input });
    expect(await run.send({ type: "paid", amount: 12 } as never)).toEqual({
      outcome: "handled",
      sequence: 1,
    });
    expect(await run.send({ type: "nonsense" } as never)).toEqual({ outcome: "unhandled" });
  });

  test("from another process reaches the owner, and its key makes it once", async () => {
    const world = durableWorld(order);
    const owner = world.open();
    await owner.start({ id: "r", input });
    const sent = world.open().send("r", { type: "paid", amount: 12 } as never, { key: "k" });
    await world.clock.advance(2_000);
    expect(await sent).toEqual({ outcome: "handled", sequence: 1 });
    expect(await owner.send("r", { type: "paid", amount: 99 } as never, { key: "k" })).toEqual({
      outcome: "handled",
      sequence: 1,
    });
    expect((await owner.snapshot("r"))?.context).toEqual({ paid: 12, items: ["book"] });
  });

  test("to a run without an owner waits for the next one", async () => {
    const world = durableWorld(order);
    const first = world.open();
    await first.start({ id: "r", input });
    await first.close({ runs: "leave" });
    const stored = world.open().send("r", { type: "paid", amount: 5 } as never, { timeoutMs: 100 });
    await world.clock.advance(200);
    expect(await stored).toEqual({ outcome: "stored" });
    const next = world.open();
    await next.recover();
    await world.clock.advance(1_000);
    expect((await next.snapshot("r"))?.value).toBe("paid");
  });

  test("to a run that is unknown is refused, to one that is over does nothing", async () => {
    const { open } = durableWorld(order);
    const engine = open();
    await expect(engine.send("nobody", { type: "cancel" } as never)).rejects.toMatchObject({
      code: "run_unknown",
    });
    const run = await engine.start({ id: "r", input });
    await engine.cancel("r");
    expect([
      await engine.send("r", { type: "cancel" } as never, { key: "k" }),
      run.snapshot().status,
    ]).toEqual([{ outcome: "unhandled" }, "done"]);
  });

  test("all that was sent before a close is handled before it", async () => {
    const counting = setup({ types: { context: {} as { n: number } } }).createMachine({
      id: "counting",
      context: { n: 0 },
      on: { more: { actions: assign({ n: ({ context }) => context.n + 1 }) } },
    });
    const world = durableWorld(counting);
    const engine = world.open();
    const run = await engine.start({ id: "r" });
    for (let n = 0; n < 1_000; n += 1) void run.send({ type: "more" } as never);
    await engine.close({ runs: "leave" });
    expect((await world.open().snapshot("r"))?.context).toEqual({ n: 1_000 });
  });
});

describe("looking", () => {
  test("waits for a state from any process, until a limit, or until it can't come any more", async () => {
    const world = durableWorld(order);
    const owner = world.open();
    const run = await owner.start({ id: "r", input });
    const elsewhere = world.open();
    const waits = [owner, elsewhere].map((engine) => engine.waitFor("r", (seen) => seen.hasTag("money")));
    const late = elsewhere.waitFor("r", (seen) => seen.matches("nowhere"), { timeoutMs: 300 });
    late.catch(() => {});
    await world.clock.advance(0);
    await run.send({ type: "paid", amount: 3 } as never);
    await world.clock.advance(2_000);
    expect((await Promise.all(waits)).map(({ sequence }) => sequence)).toEqual([1, 1]);
    await expect(late).rejects.toMatchObject({ code: "wait_timeout" });
    const never = elsewhere.waitFor("r", (seen) => seen.matches("open"));
    never.catch(() => {});
    await owner.cancel("r");
    await world.clock.advance(2_000);
    await expect(never).rejects.toMatchObject({ code: "run_over" });
  });

  test("lists by state, value and tag, newest first and page by page", async () => {
    const world = durableWorld(order);
    const engine = world.open();
    for (const id of ["a", "b", "c"]) await engine.start({ id, input });
    await engine.send("b", { type: "paid", amount: 1 } as never);
    const ids = async (query: Parameters<typeof engine.list>[0]) =>
      (await engine.list(query)).map(({ id }) => id);
    expect(
      await Promise.all([
        ids({}),
        ids({ tag: "money" }),
        ids({ value: "open" }),
        ids({ after: "c", limit: 1 }),
        ids({ state: "done" }),
      ]),
    ).toEqual([["c", "b", "a"], ["b"], ["c", "a"], ["b"], []]);
    expect(await engine.snapshot("nobody")).toBeNull();
  });
});

describe("stopping", () => {
  const stubborn = createMachine({ id: "stubborn", initial: "on", states: { on: {} } });

  test("a machine that does nothing with the cancel event says so, and a close does not wait for it", async () => {
    const world = durableWorld(stubborn);
    const engine = world.open();
    await engine.start({ id: "r" });
    expect(await engine.cancel("r")).toBe("unhandled");
    await engine.close();
    expect(world.shared.runs.get("r")?.state).toBe("active");
  });

  test("a cancel that does not end the run is over after its time", async () => {
    const slow = createMachine({
      id: "slow",
      initial: "on",
      states: { on: { on: { cancel: "ending" } }, ending: { on: { cancel: "ending" } } },
    });
    const world = durableWorld(slow);
    const engine = world.open({ graceMs: 5_000 });
    await engine.start({ id: "r" });
    const cancelled = engine.cancel("r");
    await world.clock.advance(5_000);
    expect(await cancelled).toBe("requested");
  });

  test("a paused run handles nothing until it is resumed, also in the process that comes after", async () => {
    const world = durableWorld(order);
    const first = world.open();
    const run = await first.start({ id: "r", input });
    expect(await first.pause("r")).toBe(true);
    void run.send({ type: "paid", amount: 1 } as never).catch(() => {});
    await world.clock.advance(10_000);
    expect(run.snapshot().value).toBe("open");
    await first.close({ runs: "leave" });
    const second = world.open();
    const [again] = await second.recover();
    const paid = again?.send({ type: "paid", amount: 2 } as never);
    await world.clock.advance(0);
    expect(again?.snapshot().value).toBe("open");
    await second.resume("r");
    expect([await paid, again?.snapshot().value]).toEqual([{ outcome: "handled", sequence: 1 }, "paid"]);
    expect(await second.pause("nobody")).toBe(false);
  });
});

test("a leaf that fails is tried again as often as was asked, each failure on record, also across a crash", async () => {
  let calls = 0;
  const flaky = fromPromise(async () => {
    calls += 1;
    if (calls < 4) throw new Error(`no ${calls}`);
    return calls;
  });
  const machine = setup({ types: { context: {} as { n: unknown } }, actors: { flaky } }).createMachine({
    id: "m",
    context: { n: null },
    initial: "on",
    states: {
      on: {
        invoke: {
          id: "flaky",
          src: "flaky",
          onDone: { target: "off", actions: assign({ n: ({ event }) => event.output }) },
        },
      },
      off: { type: "final" },
    },
  });
  const world = durableWorld(machine);
  const retry = { flaky: { attempts: 4, backoffMs: 1_000 } };
  const first = world.open({ retry });
  await first.start({ id: "r" });
  await world.clock.advance(1_000);
  await first.close({ runs: "leave" });
  const second = world.open({ retry });
  const [run] = await second.recover();
  await world.clock.advance(1_999);
  expect(calls).toBe(2);
  await world.clock.advance(1 + 4_000);
  expect([calls, (await run?.done)?.context]).toEqual([4, { n: 4 }]);
  const retried = (await second.history("r")).filter(({ type }) => type === "slowwave.actor.retried");
  expect(retried.map(({ data }) => (JSON.parse(data) as { failures: number }).failures)).toEqual([1, 2, 3]);
});

describe("versions", () => {
  const approval = (more: object = {}, version = "1") =>
    createMachine({
      id: "approval",
      version,
      initial: "waiting",
      states: { waiting: { on: { approve: "done" } }, done: { type: "final" }, ...more },
    } as never);

  test("a run goes on with another structure of its version that has all it names", async () => {
    const world = durableWorld(approval());
    const first = world.open();
    await first.start({ id: "r" });
    await first.close({ runs: "leave" });
    const grown = world.open({ machine: approval({ rejected: { type: "final" } }) });
    expect((await grown.recover()).map(({ id }) => id)).toEqual(["r"]);
  });

  test("a run of another version goes on after it was migrated, and is one of the new version from then on", async () => {
    const world = durableWorld(approval());
    const first = world.open();
    await first.start({ id: "r" });
    await first.close({ runs: "leave" });
    const renamed = createMachine({
      id: "approval",
      version: "2",
      initial: "open",
      states: { open: { on: { approve: "done" } }, done: { type: "final" } },
    });
    const migrate = (snapshot: unknown, from: { version: string }) => ({
      ...(snapshot as object),
      value: from.version === "1" ? "open" : "?",
    });
    const second = world.open({ machine: renamed, migrate });
    expect((await second.recover()).map((run) => run.snapshot().value)).toEqual(["open"]);
    await second.close({ runs: "leave" });
    const third = world.open({ machine: renamed });
    const [run] = await third.recover();
    await run?.send({ type: "approve" } as never);
    expect(world.shared.runs.get("r")).toMatchObject({ version: "2", state: "done" });
  });

  test("two versions side by side: each run goes on with its own, new runs take the first", async () => {
    const world = durableWorld(approval());
    const old = world.open();
    await old.start({ id: "a" });
    await old.close({ runs: "leave" });
    const both = createDurableEngine({
      store: world.store(),
      clock: world.clock,
      machines: [approval({ extra: {} }, "2"), approval()],
    });
    await both.recover();
    await both.start({ id: "b" });
    expect(["a", "b"].map((id) => world.shared.runs.get(id)?.version)).toEqual(["1", "2"]);
    expect(both.live().map(({ id }) => id)).toEqual(["a", "b"]);
  });
});
