import { BehaviorSubject, firstValueFrom, Subject } from "rxjs";
import { describe, expect, test } from "vitest";
import {
  assign,
  createMachine,
  type EventObject,
  fromEventObservable,
  fromPromise,
  setup,
  spawnChild,
} from "xstate";
import type { CommitOutcome, CommitRequest } from "../../src/domain/run.ts";
import { createDurableEngine } from "../../src/durable/engine.ts";
import type { DurableOptions } from "../../src/durable/options.ts";
import { createMemoryWorld, openMemoryStore } from "../../src/persistence/memory/index.ts";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";
import { manualClock } from "../agents/manual-clock.ts";

/** Fetches a number, waits, listens for more, ends: one of each kind of effect. */
const machine = setup({
  types: {
    context: {} as { sum: number },
    events: {} as { type: "more"; by: number } | { type: "enough" } | { type: "cancel" },
  },
  actors: {
    fetch: fromPromise<number, { run: string }>(async () => 0),
    listen: fromEventObservable<{ type: "more"; by: number }, Record<string, never>>(() => new Subject()),
  },
  actions: {
    add: assign(({ context }, { by }: { by: number }) => ({ sum: context.sum + by })),
    tell: () => {},
  },
  delays: { pause: 60_000 },
}).createMachine({
  id: "sums",
  context: { sum: 0 },
  initial: "fetching",
  on: { cancel: ".stopped" },
  states: {
    fetching: {
      invoke: {
        id: "fetch",
        src: "fetch",
        input: { run: "r" },
        onDone: {
          target: "pausing",
          actions: { type: "add", params: ({ event }) => ({ by: event.output }) },
        },
      },
    },
    pausing: { after: { pause: "listening" } },
    listening: {
      invoke: { id: "listen", src: "listen", input: {} },
      on: {
        more: { actions: { type: "add", params: ({ event }) => ({ by: event.by }) } },
        enough: { target: "ended", actions: "tell" },
      },
    },
    ended: { type: "final" },
    stopped: { type: "final" },
  },
});

function world() {
  const shared = createMemoryWorld();
  const clock = manualClock();
  const fetched: string[] = [];
  const more$ = new Subject<{ type: "more"; by: number }>();
  let subscribers = 0;
  const actors = {
    fetch: fromPromise<number, { run: string }>(async () => {
      fetched.push("fetch");
      return 5;
    }),
    listen: fromEventObservable<{ type: "more"; by: number }, Record<string, never>>(() => {
      subscribers += 1;
      return more$;
    }),
  };
  const engine = (options: Partial<DurableOptions> = {}) => {
    const store = openMemoryStore({ world: shared });
    return { store, ...createDurableEngine({ store, machine, actors, clock, ...options }) };
  };
  return { shared, clock, fetched, more$, subscribers: () => subscribers, engine, actors };
}

describe("one commit for event, state and intents", () => {
  test("the log holds every event that changed something, in order, with the state it led to", async () => {
    const { clock, engine, more$ } = world();
    const { start, store } = engine();
    const run = await start({ id: "r1", space: "s", input: undefined });
    await clock.advance(60_000);
    more$.next({ type: "more", by: 2 });
    run.send({ type: "enough" });
    expect((await run.done).context).toEqual({ sum: 7 });
    const log = await store.runs.log({ run: "r1", after: 0, limit: 10 });
    expect(log.map(({ sequence, type, value }) => [sequence, type, value])).toEqual([
      [0, "xstate.init", "fetching"],
      [1, "xstate.done.actor.fetch", "pausing"],
      [2, "xstate.after.pause.sums.pausing", "listening"],
      [3, "more", "listening"],
      [4, "enough", "ended"],
    ]);
    expect(await store.runs.openIntents("r1")).toEqual([]);
  });

  test("no effect starts before the commit that asked for it has returned", async () => {
    const { shared, clock, fetched, actors } = world();
    const store = openMemoryStore({ world: shared });
    let release: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const runs = {
      ...store.runs,
      create: async (...args: Parameters<typeof store.runs.create>) => {
        const outcome = await store.runs.create(...args);
        await gate;
        return outcome;
      },
    };
    const engine = createDurableEngine({
      store: { ...store, runs: bound(runs, store.runs) },
      machine,
      actors,
      clock,
    });
    const starting = engine.start({ id: "r1", input: undefined });
    await clock.advance(0);
    expect([shared.runs.has("r1"), fetched]).toEqual([true, []]);
    release();
    await starting;
    await clock.advance(0);
    expect(fetched).toEqual(["fetch"]);
  });

  test("who begins a run in a SQLite store hears all of it after its beginning", async () => {
    const store = await openSqliteStore({ path: ":memory:" });
    const { actors } = world();
    const { start, committed$, close } = createDurableEngine({ store, machine, actors });
    const heard: unknown[] = [];
    // A store that nobody else writes to commits sooner after a while, yet never before.
    for (let n = 10; n < 40; n += 1) {
      const run = await start({ id: `r${n}`, input: undefined });
      const next = await firstValueFrom(committed$);
      heard.push([next.run === run.id, next.sequence, next.value]);
    }
    expect(heard).toEqual(Array(30).fill([true, 1, "pausing"]));
    await close();
    await store.close();
  });

  test("an event that changes nothing writes nothing", async () => {
    const { clock, engine } = world();
    const { start, store } = engine();
    const run = await start({ id: "r1", input: undefined });
    await clock.advance(0);
    const before = await store.runs.read("r1");
    run.send({ type: "enough" });
    run.send({ type: "nonsense" });
    await clock.advance(0);
    expect(await store.runs.read("r1")).toEqual(before);
  });

  test("a custom action runs once, after its commit, and not again in the next process", async () => {
    const { shared, clock, engine, more$ } = world();
    const told: string[] = [];
    const loud = machine.provide({ actions: { tell: () => told.push(shared.runs.get("r1")?.state ?? "?") } });
    const { start } = engine({ machine: loud });
    const run = await start({ id: "r1", input: undefined });
    await clock.advance(60_000);
    more$.next({ type: "more", by: 1 });
    run.send({ type: "enough" });
    await run.done;
    await engine({ machine: loud }).recover();
    expect(told).toEqual(["done"]);
  });
});

describe("what another process continues", () => {
  test("a timer keeps its due time, and a settled effect is not repeated", async () => {
    const { clock, engine, fetched } = world();
    const first = engine();
    await first.start({ id: "r1", input: undefined });
    await clock.advance(20_000);
    await first.close({ runs: "leave" });
    await clock.advance(20_000);
    const second = engine();
    const [run] = await second.recover();
    await clock.advance(19_999);
    expect(run?.snapshot().value).toBe("pausing");
    await clock.advance(1);
    expect([run?.snapshot().value, run?.adopted, fetched]).toEqual(["listening", true, ["fetch"]]);
  });

  test("a timer that fell due meanwhile rings at once", async () => {
    const { clock, engine } = world();
    const first = engine();
    await first.start({ id: "r1", input: undefined });
    await clock.advance(1_000);
    await first.close({ runs: "leave" });
    await clock.advance(3_600_000);
    const [run] = await engine().recover();
    await clock.advance(0);
    expect(run?.snapshot().value).toBe("listening");
  });

  test("an effect whose end was not committed is repeated once, under the same key", async () => {
    const { shared, clock, engine, fetched, actors } = world();
    const store = openMemoryStore({ world: shared });
    const lost = bound({ ...store.runs, commit: () => new Promise<CommitOutcome>(() => {}) }, store.runs);
    const first = createDurableEngine({ store: { ...store, runs: lost }, machine, actors, clock });
    await first.start({ id: "r1", input: undefined });
    await clock.advance(0);
    const keys = (shared.intents.get("r1") ?? []).map(({ key }) => key);
    await first.close({ runs: "leave" });
    const [run] = await engine().recover();
    await clock.advance(0);
    expect([keys, fetched, run?.snapshot().value]).toEqual([["r1/0/fetch"], ["fetch", "fetch"], "pausing"]);
  });

  test("a stream is subscribed again, without replaying what was said", async () => {
    const { clock, engine, more$, subscribers } = world();
    const first = engine();
    await first.start({ id: "r1", input: undefined });
    await clock.advance(60_000);
    more$.next({ type: "more", by: 1 });
    await clock.advance(0);
    await first.close({ runs: "leave" });
    more$.next({ type: "more", by: 100 });
    const [run] = await engine().recover();
    more$.next({ type: "more", by: 10 });
    await clock.advance(0);
    expect([run?.snapshot().context, subscribers()]).toEqual([{ sum: 16 }, 2]);
  });

  test("the run of a living owner is left alone", async () => {
    const { engine, clock } = world();
    await engine().start({ id: "r1", input: undefined });
    await clock.advance(0);
    expect(await engine().recover()).toEqual([]);
  });

  test("of two processes that find a dead owner's run, one takes it", async () => {
    const { engine, clock } = world();
    const first = engine();
    await first.start({ id: "r1", input: undefined });
    await clock.advance(0);
    await first.close({ runs: "leave" });
    const taken = await Promise.all([engine().recover(), engine().recover()]);
    expect(taken.map((runs) => runs.length).sort()).toEqual([0, 1]);
  });

  test("recovery goes on looking: a run whose owner dies later is found within 15 seconds", async () => {
    const { engine, clock } = world();
    const first = engine();
    await first.start({ id: "r1", input: undefined });
    const second = engine();
    expect(await second.recover()).toEqual([]);
    await first.close({ runs: "leave" });
    await clock.advance(15_000);
    expect(second.live().map((run) => run.id)).toEqual(["r1"]);
    await second.close();
  });

  test("however many runs a dead process left, and however many live here, all are taken over", async () => {
    const { engine } = world();
    const second = engine();
    for (let n = 0; n < 1_200; n += 1) await second.start({ input: undefined });
    const first = engine();
    for (let n = 0; n < 1_200; n += 1) await first.start({ input: undefined });
    const left = first.live().map(({ id }) => id);
    await first.close({ runs: "leave" });
    const recovered = await second.recover();
    expect(recovered.map(({ id }) => id)).toEqual([...left].sort());
    expect(second.live().length).toBe(2_400);
    await second.close({ runs: "leave" });
  });

  test("each owner is looked at once, and the runs of the living are not even read", async () => {
    const { engine, shared, clock, actors } = world();
    const first = engine();
    for (const id of ["r1", "r2", "r3"]) await first.start({ id, input: undefined });
    const store = openMemoryStore({ world: shared });
    const probed: string[] = [];
    const read: string[] = [];
    const liveness = bound(
      {
        probe: (owner: string) => {
          probed.push(owner);
          return store.liveness.probe(owner);
        },
      },
      store.liveness,
    );
    const runs = bound(
      {
        read: (run: string) => {
          read.push(run);
          return store.runs.read(run);
        },
      },
      store.runs,
    );
    const second = createDurableEngine({ store: { ...store, liveness, runs }, machine, actors, clock });
    expect(await second.recover()).toEqual([]);
    expect([probed, read]).toEqual([[first.owner], []]);
    await first.close({ runs: "leave" });
    expect((await second.recover()).map(({ id }) => id)).toEqual(["r1", "r2", "r3"]);
    expect([probed.length, read]).toEqual([2, ["r1", "r2", "r3"]]);
    await second.close({ runs: "leave" });
  });

  test("a run of another version stays where it is, with the reason, and goes on in a process of its own", async () => {
    const { engine, clock, shared } = world();
    const first = engine();
    await first.start({ id: "r1", input: undefined });
    await clock.advance(0);
    await first.close({ runs: "leave" });
    const left = shared.runs.get("r1");
    const newer = engine({ version: "2" });
    expect(await newer.recover()).toEqual([]);
    expect(shared.runs.get("r1")).toEqual(left);
    expect(await newer.parked()).toEqual([
      expect.objectContaining({
        id: "r1",
        version: "1",
        why: expect.stringContaining("made by sums version 1"),
      }),
    ]);
    expect((await engine().recover()).map(({ id }) => id)).toEqual(["r1"]);
  });

  test("where the host wants that, such a run is parked, and goes on in a process of its own version", async () => {
    const { engine, shared } = world();
    const first = engine();
    await first.start({ id: "r1", input: undefined });
    await first.close({ runs: "leave" });
    await engine({ version: "2", unknownVersions: "park" }).recover();
    const parked = shared.runs.get("r1");
    expect([parked?.state, parked?.parked?.slice(0, 22)]).toEqual(["parked", "made by sums version 1"]);
    expect((await engine().recover()).map(({ id }) => id)).toEqual(["r1"]);
    expect(shared.runs.get("r1")).toMatchObject({ state: "active", parked: null });
  });

  test("a run whose state can't be read, or that its host can't go on with, keeps nobody waiting", async () => {
    const { engine, shared } = world();
    const first = engine();
    for (const id of ["r1", "r2", "r3"]) await first.start({ id, input: undefined });
    await first.close({ runs: "leave" });
    const record = shared.runs.get("r1");
    if (record === undefined) throw new Error("no such run");
    const snapshot = JSON.stringify({ ...JSON.parse(record.snapshot), value: "nowhere" });
    shared.runs.set("r1", { ...record, snapshot });
    const examine = ({ id }: { id: string }) => {
      if (id === "r2") throw new Error("not for me");
    };
    const second = engine({ examine });
    expect((await second.recover()).map(({ id }) => id)).toEqual(["r3"]);
    expect((await second.parked()).map(({ id, why }) => [id, why])).toEqual([
      ["r2", "its state cannot be read: not for me"],
      ["r1", expect.stringMatching(/^its state cannot be read: .*nowhere/)],
    ]);
    await second.close({ runs: "leave" });
  });

  test("a run whose machine was rebuilt without its state is left, too; another machine's run is not touched", async () => {
    const { engine, clock, shared } = world();
    const first = engine();
    await first.start({ id: "r1", input: undefined });
    await clock.advance(0);
    await first.close({ runs: "leave" });
    const left = shared.runs.get("r1");
    const other = setup({}).createMachine({ id: "other", initial: "a", states: { a: {} } });
    const stranger = engine({ machine: other });
    await stranger.recover();
    const renamed = setup({}).createMachine({ id: "sums", initial: "a", states: { a: {} } });
    const rebuilt = engine({ machine: renamed });
    expect([await rebuilt.recover(), shared.runs.get("r1")]).toEqual([[], left]);
    expect([(await rebuilt.parked()).length, (await stranger.parked()).length]).toEqual([1, 0]);
  });
});

describe("who may act", () => {
  test("a process whose run was taken over changes nothing any more and says so", async () => {
    const { shared, engine, clock } = world();
    const first = engine();
    const run = await first.start({ id: "r1", input: undefined });
    await clock.advance(0);
    const record = shared.runs.get("r1");
    await openMemoryStore({ world: shared }).runs.takeOver({
      run: "r1",
      fence: record?.fence ?? -1,
      owner: "someone-else",
      nowMs: clock.nowMs(),
    });
    const taken = shared.runs.get("r1");
    run.send({ type: "cancel" });
    await expect(run.done).rejects.toMatchObject({ code: "run_taken_over" });
    expect(shared.runs.get("r1")).toEqual(taken);
  });

  test("what an actor says after its run has ended changes nothing", async () => {
    const { shared, engine, clock } = world();
    let settle: (n: number) => void = () => {};
    const late = fromPromise<number, { run: string }>(
      () =>
        new Promise((resolve) => {
          settle = resolve;
        }),
    );
    const { start } = engine({ actors: { fetch: late } });
    const run = await start({ id: "r1", input: undefined });
    run.send({ type: "cancel" });
    await run.done;
    const ended = shared.runs.get("r1");
    settle(1);
    await clock.advance(0);
    expect(shared.runs.get("r1")).toEqual(ended);
  });

  test("a cancel request of another process is heard within two seconds", async () => {
    const { engine, clock } = world();
    const first = engine();
    const run = await first.start({ id: "r1", input: undefined });
    await clock.advance(0);
    expect(await engine().cancel("r1")).toBe("requested");
    await clock.advance(2_000);
    expect((await run.done).value).toBe("stopped");
  });

  test("only live runs keep the process alive, also when one follows another at once", async () => {
    const { engine, clock } = world();
    const held = new Map<unknown, boolean>();
    const { start } = engine({
      clock: {
        ...clock,
        setTimeout(fn, ms) {
          const id = clock.setTimeout(() => {
            held.delete(timer);
            fn();
          }, ms);
          const timer = { id, ref: () => held.set(timer, true), unref: () => held.set(timer, false) };
          held.set(timer, true);
          return timer;
        },
        clearTimeout(timer) {
          held.delete(timer);
          clock.clearTimeout((timer as { id: unknown }).id);
        },
      },
    });
    const holding = () => [...held.values()].filter((isHeld) => isHeld).length;
    for (const id of ["r1", "r2"]) {
      const run = await start({ id, input: undefined });
      await clock.advance(0);
      // The machine's own timer, and the search for cancel requests.
      expect(holding()).toBe(2);
      run.send({ type: "cancel" });
      await run.done;
      expect(holding()).toBe(0);
    }
    await clock.advance(1_000);
    expect([held.size, clock.pending()]).toEqual([0, 0]);
  });

  test("cancelling a run whose owner is dead ends it here and now", async () => {
    const { engine, clock, shared } = world();
    const first = engine();
    await first.start({ id: "r1", input: undefined });
    await clock.advance(0);
    await first.close({ runs: "leave" });
    expect(await engine().cancel("r1")).toBe("cancelled");
    expect(shared.runs.get("r1")?.state).toBe("done");
    expect([await engine().cancel("r1"), await engine().cancel("nobody")]).toEqual(["over", "unknown"]);
  });

  test("closing cancels what lives and refuses what comes after", async () => {
    const { engine, clock, shared } = world();
    const { start, close } = engine();
    await start({ id: "r1", input: undefined });
    await clock.advance(0);
    await close();
    expect([shared.runs.get("r1")?.state, [...shared.held]]).toEqual(["done", []]);
    await expect(start({ input: undefined })).rejects.toMatchObject({ code: "engine_closed" });
  });
});

describe("when the world is broken", () => {
  test("a store that stays busy is asked again with the same content, and the run goes on", async () => {
    const { shared, clock, actors } = world();
    const store = openMemoryStore({ world: shared });
    let refusals = 3;
    const asked: CommitRequest[] = [];
    const runs = bound(
      {
        ...store.runs,
        commit: async (request: CommitRequest) => {
          asked.push(request);
          if (refusals-- > 0) throw new Error("busy");
          return store.runs.commit(request);
        },
      },
      store.runs,
    );
    const { start } = createDurableEngine({ store: { ...store, runs }, machine, actors, clock });
    const run = await start({ id: "r1", input: undefined });
    await clock.advance(5_000);
    expect(run.snapshot().value).toBe("pausing");
    expect(asked.slice(1)).toEqual([asked[0], asked[0], asked[0]]);
  });

  test("a run that cannot be recorded for a minute is left for later, with the cause", async () => {
    const { shared, clock, actors, engine } = world();
    const store = openMemoryStore({ world: shared });
    const runs = bound({ ...store.runs, commit: () => Promise.reject(new Error("disk gone")) }, store.runs);
    const broken = createDurableEngine({ store: { ...store, runs }, machine, actors, clock });
    const run = await broken.start({ id: "r1", input: undefined });
    await clock.advance(120_000);
    await expect(run.done).rejects.toMatchObject({
      code: "store_unavailable",
      cause: { message: "disk gone" },
    });
    await broken.close({ runs: "leave" });
    expect((await engine().recover()).map(({ id }) => id)).toEqual(["r1"]);
  });

  test("a guard or assignment that throws ends the run in error, with what it choked on", async () => {
    const { shared, clock, engine } = world();
    const choking = machine.provide({
      actions: {
        add: assign(() => {
          throw new Error("no sum");
        }),
      },
    });
    const { start } = engine({ machine: choking });
    const run = await start({ id: "r1", input: undefined });
    await clock.advance(0);
    await expect(run.done).rejects.toMatchObject({
      code: "machine_threw",
      message: 'Run r1 choked on "xstate.done.actor.fetch": no sum',
    });
    expect(shared.runs.get("r1")?.state).toBe("error");
  });

  test("an action that throws ends the run in error; the event that led to it stays recorded once", async () => {
    const { shared, clock, engine, more$ } = world();
    const choking = machine.provide({
      actions: {
        tell: () => {
          throw new Error("no voice");
        },
      },
      delays: { pause: 1 },
    });
    const loud = choking.provide({ actions: { add: assign({ sum: 1 }) } });
    const { start, store } = engine({ machine: loud });
    const run = await start({ id: "r1", input: undefined });
    await clock.advance(1);
    run.send({ type: "enough" });
    await expect(run.done).rejects.toMatchObject({
      code: "machine_threw",
      message: 'Run r1 choked on "enough": no voice',
    });
    expect(more$.observed).toBe(false);
    const log = await store.runs.log({ run: "r1", after: 0, limit: 10 });
    expect([shared.runs.get("r1")?.state, log.filter(({ type }) => type === "enough").length]).toEqual([
      "done",
      1,
    ]);
  });

  test("an action that throws on the way ends the run there", async () => {
    const { engine, shared, clock } = world();
    const early = setup({
      actors: { fetch: fromPromise(async () => 0) },
      actions: {
        tell: () => {
          throw new Error("no voice");
        },
      },
    }).createMachine({
      id: "early",
      initial: "telling",
      states: { telling: { entry: "tell", invoke: { id: "fetch", src: "fetch" } } },
    });
    const { start, store } = engine({ machine: early });
    const run = await start({ id: "r1", input: undefined });
    await expect(run.done).rejects.toMatchObject({ code: "machine_threw" });
    await clock.advance(0);
    const log = await store.runs.log({ run: "r1", after: 0, limit: 10 });
    expect([shared.runs.get("r1")?.state, log.map(({ type, value }) => [type, value])]).toEqual([
      "error",
      [
        ["xstate.init", "telling"],
        ["slowwave.action.threw", "telling"],
      ],
    ]);
  });

  const knot: { self?: object } = {};
  knot.self = knot;

  test.each([
    ["a cycle", knot],
    ["a big integer", { n: 10n }],
    ["a depth without end", Array.from({ length: 20_000 }).reduce((inner) => ({ inner }), {})],
  ])(
    "what an actor says and JSON can't hold (%s) is its failure, which the machine hears of",
    async (_, said) => {
      const { engine } = world();
      const tolerant = setup({ actors: { fetch: fromPromise<unknown>(async () => said) } }).createMachine({
        id: "tolerant",
        context: { why: null },
        initial: "fetching",
        states: {
          fetching: {
            invoke: {
              id: "fetch",
              src: "fetch",
              onDone: "ended",
              onError: { target: "ended", actions: assign({ why: ({ event }) => event.error }) },
            },
          },
          ended: { type: "final" },
        },
      });
      const { start } = engine({ machine: tolerant, actors: tolerant.implementations.actors as never });
      const run = await start({ id: "r1", input: undefined });
      expect((await run.done).context).toMatchObject({ why: { code: "not_json" } });
    },
  );

  test("a stream that says such a thing is stopped, also when it does so while it is being started", async () => {
    const { engine, shared, clock } = world();
    const more$ = new BehaviorSubject<EventObject>({ type: "more", by: knot } as EventObject);
    const listen = fromEventObservable<EventObject, Record<string, never>>(() => more$);
    const { start } = engine({ actors: { ...world().actors, listen } });
    const run = await start({ id: "r1", input: undefined });
    await clock.advance(60_000);
    await run.done.catch(() => {});
    const snapshot = JSON.parse(shared.runs.get("r1")?.snapshot ?? "{}");
    expect([more$.observed, shared.runs.get("r1")?.state, snapshot.error.code]).toEqual([
      false,
      "error",
      "not_json",
    ]);
  });

  test("an event from outside that can't be recorded is refused where it is sent", async () => {
    const { engine, shared, clock } = world();
    const { start } = engine();
    const run = await start({ id: "r1", input: undefined });
    expect(() => run.send({ type: "more", by: knot } as never)).toThrow(
      expect.objectContaining({
        code: "not_json",
        message:
          'The event "more" cannot be recorded: it must be plain JSON, without cycles and big integers.',
      }),
    );
    await clock.advance(0);
    expect(shared.runs.get("r1")?.state).toBe("active");
  });

  test("a state that can't be recorded ends the run in error where it was", async () => {
    const { engine, shared, clock } = world();
    const greedy = machine.provide({ actions: { add: assign(() => ({ sum: 10n as never })) } });
    const { start } = engine({ machine: greedy });
    const run = await start({ id: "r1", input: undefined });
    await clock.advance(0);
    await expect(run.done).rejects.toMatchObject({ code: "not_json" });
    const { state, sequence } = shared.runs.get("r1") ?? {};
    expect([state, sequence]).toEqual(["error", 1]);
  });

  test("a run that cannot begin is refused with a code and leaves nothing", async () => {
    const { engine, shared } = world();
    const stillborn = setup({ actors: { fetch: fromPromise<number, unknown>(async () => 0) } }).createMachine(
      {
        id: "stillborn",
        initial: "fetching",
        states: { fetching: { invoke: { id: "fetch", src: "fetch", input: () => knot } } },
      },
    );
    const { start, live } = engine({ machine: stillborn });
    await expect(start({ id: "r1", input: undefined })).rejects.toMatchObject({
      code: "not_json",
      message: expect.stringContaining("Run r1 could not begin: "),
    });
    expect([shared.runs.size, live()]).toEqual([0, []]);
  });

  test("an actor whose logic is none fails its invoke", async () => {
    const { engine, shared } = world();
    const { start } = engine({ actors: { fetch: {} as never } });
    const run = await start({ id: "r1", input: undefined });
    await run.done.catch(() => {});
    expect(shared.runs.get("r1")?.state).toBe("error");
  });

  test("an actor that nothing could find again is refused when the engine is created, by name", () => {
    const { engine } = world();
    const inline = createMachine({
      id: "inline",
      initial: "a",
      states: { a: { entry: spawnChild(fromPromise(async () => 1)) } },
    });
    expect(() => engine({ machine: inline })).toThrow(
      expect.objectContaining({ code: "inline_actor", message: expect.stringContaining('"inline.a"') }),
    );
  });

  test("an actor nobody provided fails its invoke with a code", async () => {
    const { engine, clock, shared } = world();
    const states = { a: { invoke: { id: "fetch", src: "fetch" } } };
    const { start } = engine({ machine: createMachine({ id: "none", initial: "a", states }), actors: {} });
    const run = await start({ id: "r1", input: undefined });
    await clock.advance(0);
    await run.done.catch(() => {});
    const snapshot = JSON.parse(shared.runs.get("r1")?.snapshot ?? "{}");
    expect([shared.runs.get("r1")?.state, snapshot.error.code]).toEqual(["error", "actor_missing"]);
  });
});

/** Ports are objects with methods that may use `this`. */
function bound<Port extends object>(changed: Partial<Port>, port: Port): Port {
  return new Proxy(port, {
    get: (target, name) => {
      const value: unknown = Reflect.get(changed, name) ?? Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
