import { describe, expect, test } from "vitest";
import { openMemoryStore } from "../../src/persistence/memory/index.ts";
import type { MemoryWorld } from "../../src/persistence/memory/world.ts";
import { eventually, fleetWorld, heldAgents } from "./world.ts";

/** A store whose owners are dead when they were not renewed for 15 s, and of which a test says how long ago that was. */
function renewedStore(shared: MemoryWorld, sinceBeatMs: () => number) {
  const inner = openMemoryStore({ world: shared });
  return { ...inner, liveness: { ...inner.liveness, ttlMs: 15_000, sinceBeatMs } };
}

describe("a worker", () => {
  test("begins what is due in its places, and the next as soon as one is free", async () => {
    const { worker, clock, statuses } = await fleetWorld("a", "b", "c");
    const { agent, finish, working, most } = heldAgents();
    const one = worker(agent, { concurrency: 2 });
    await one.worker.start();
    await clock.advance(0);
    await eventually(working).toEqual(["a", "b"]);
    expect(one.worker.status()).toMatchObject({ state: "working", running: 2, starting: 0, concurrency: 2 });
    finish("a");
    await eventually(() => clock.advance(50).then(working)).toEqual(["b", "c"]);
    finish("b");
    finish("c");
    await eventually(statuses).toEqual(["a succeeded", "b succeeded", "c succeeded"]);
    expect([most(), one.problems]).toEqual([2, []]);
  });

  test("finds what becomes due later by looking, with nothing that wakes it", async () => {
    const { worker, clock, enqueue, statuses } = await fleetWorld();
    const { worker: one } = worker();
    await one.start();
    await clock.advance(0);
    await enqueue("late");
    await eventually(() => clock.advance(1_000).then(statuses)).toEqual(["late succeeded"]);
  });

  test("shares the limits of tenants and fleet with the others, and none leaves a skipped run", async () => {
    const spaces = ["t1/a", "t1/b", "t1/c", "t2/a", "t2/b", "t3/a"];
    const { worker, clock, statuses } = await fleetWorld(...spaces);
    const { agent, finish, working, most } = heldAgents();
    const limits = { tenant: 1, fleet: 2 };
    for (let n = 0; n < 3; n += 1) await worker(agent, { limits }).worker.start();
    const seen = new Set<string>();
    while (seen.size < spaces.length) {
      await eventually(() => clock.advance(250).then(() => working().length)).toBeGreaterThan(0);
      const [first = ""] = working();
      expect(new Set(working().map((space) => space.split("/")[0])).size).toBe(working().length);
      seen.add(first);
      finish(first);
      await eventually(working).not.toContain(first);
    }
    await eventually(statuses).toEqual(spaces.map((space) => `${space} succeeded`));
    expect(most()).toBeLessThanOrEqual(2);
  });

  test("leaves a space whose day is used up alone, and writes no run for it", async () => {
    const { worker, clock, store, statuses, enqueue } = await fleetWorld("a");
    const { worker: one } = worker(undefined, { settings: { maxRunsPerDay: 1 } });
    await one.start();
    await eventually(() => clock.advance(1_000).then(statuses)).toEqual(["a succeeded"]);
    await store.jobs.enqueue("a", 1);
    await enqueue("b");
    await eventually(() => clock.advance(1_000).then(statuses)).toEqual(["a succeeded", "b succeeded"]);
  });

  test("goes on with others when a space can't be begun, and tries that one again later", async () => {
    const { worker, clock, statuses } = await fleetWorld("bad", "good");
    const one = worker();
    const { startIfDue } = one.engine;
    let refused = 0;
    Object.assign(one.engine, {
      startIfDue: async (request: { space: string }) => {
        if (request.space !== "bad" || refused > 0) return startIfDue(request);
        refused += 1;
        throw new Error("no root");
      },
    });
    await one.worker.start();
    await eventually(() => clock.advance(1_000).then(statuses)).toEqual(["good succeeded"]);
    expect(one.problems).toEqual(["bad: no root"]);
    await eventually(() => clock.advance(10_000).then(statuses)).toEqual(["bad succeeded", "good succeeded"]);
  });

  test("takes over what a dead one left, no more than it has places for", async () => {
    const { worker, clock, shared, statuses } = await fleetWorld("a", "b", "c");
    const first = heldAgents();
    const dead = worker(first.agent, { store: openMemoryStore({ world: shared }) });
    await dead.worker.start();
    await clock.advance(0);
    await eventually(first.working).toEqual(["a", "b", "c"]);
    dead.worker.stop();
    shared.held.clear();
    const { agent, working, finish, most } = heldAgents();
    const next = worker(agent, { concurrency: 2 });
    await next.worker.start();
    for (const left of [2, 2, 1]) {
      await eventually(() => working().length).toBe(left);
      finish(working()[0] ?? "");
      await eventually(() => working().length).toBeLessThanOrEqual(2);
    }
    await eventually(statuses).toEqual(["a succeeded", "b succeeded", "c succeeded"]);
    expect([most(), next.worker.status().takeovers]).toEqual([2, 3]);
  });

  test("is refused when a living one tells tenants by another rule", async () => {
    const { worker } = await fleetWorld();
    await worker().worker.start();
    const other = worker(undefined, { tenantOf: "prefix::" }).worker.start();
    await expect(other).rejects.toMatchObject({ code: "tenant_rule_other" });
    const begun = await fleetWorld();
    const rules = ["prefix:/", "prefix::"];
    const both = rules.map((tenantOf) => begun.worker(undefined, { tenantOf }).worker.start());
    const outcomes = (await Promise.allSettled(both)).map(({ status }) => status);
    expect(outcomes.sort()).toEqual(["fulfilled", "rejected"]);
    expect(() => worker(undefined, { tenantOf: "first word" })).toThrow(/A rule for tenants/);
    expect(() => worker(undefined, { concurrency: 0 })).toThrow(/concurrency must be/);
  });
});

describe("a run that is asked for by name", () => {
  test("begins at once where there is a place, and is refused by name where there is none", async () => {
    const { worker, clock, store, statuses } = await fleetWorld("t/a", "t/b");
    const { agent, working, finish } = heldAgents();
    const one = worker(agent, { concurrency: 2, limits: { tenant: 1 } });
    await one.worker.start();
    await clock.advance(0);
    await eventually(working).toEqual(["t/a"]);
    const refused = { code: "no_place" };
    await expect(one.worker.run({ space: "t/b" })).rejects.toMatchObject(refused);
    const other = await one.worker.run({ space: "other", now: true });
    expect((await other.result).status).toBe("skipped_not_dirty");
    await store.admissions.pause({ tenant: "other", isPaused: true });
    await expect(one.worker.run({ space: "other/x" })).rejects.toMatchObject({ code: "fleet_paused" });
    finish("t/a");
    await eventually(() => clock.advance(50).then(working)).toEqual(["t/b"]);
    finish("t/b");
    await eventually(statuses).toEqual(["other skipped_not_dirty", "t/a succeeded", "t/b succeeded"]);
  });

  test("is refused when all places of the worker are taken", async () => {
    const { worker, clock } = await fleetWorld("a");
    const { agent, working } = heldAgents();
    const one = worker(agent, { concurrency: 1 });
    await one.worker.start();
    await clock.advance(0);
    await eventually(working).toEqual(["a"]);
    await expect(one.worker.run({ space: "b" })).rejects.toMatchObject({ code: "no_place" });
  });
});

describe("the end of a worker", () => {
  test("a drain begins nothing more, waits for the agents at work, and leaves the fleet", async () => {
    const { worker, clock, store, statuses, enqueue } = await fleetWorld("a");
    const { agent, working, finish } = heldAgents();
    const one = worker(agent);
    await one.worker.start();
    await clock.advance(0);
    await eventually(working).toEqual(["a"]);
    const drained = one.worker.drain({ graceMs: 600_000 });
    await enqueue("b");
    await clock.advance(5_000);
    const overview = () =>
      store.admissions.overview({ successCooldownSeconds: 0, retries: 3, nowMs: clock.nowMs(), tenants: 9 });
    expect((await overview()).workers).toMatchObject([{ state: "draining" }]);
    finish("a");
    await drained;
    expect([(await overview()).workers, await statuses(), one.problems]).toEqual([[], ["a succeeded"], []]);
    expect(one.worker.status().state).toBe("stopped");
  });

  test("a drain hands back a space in which no agent works yet, at no cost", async () => {
    const { worker, clock, shared, store, statuses } = await fleetWorld("a");
    const inner = openMemoryStore({ world: shared });
    let isLoading = false;
    const select = () => {
      isLoading = true;
      return new Promise<never>(() => {});
    };
    const one = worker(undefined, { store: { ...inner, memories: { ...inner.memories, select } } });
    await one.worker.start();
    await clock.advance(0);
    await eventually(() => isLoading).toBe(true);
    await one.worker.drain({ graceMs: 600_000 });
    const { status, retry_remaining, retry_at } = (await store.jobs.read("a")) ?? {};
    expect([status, retry_remaining, retry_at]).toEqual(["pending", 3, null]);
    expect([await statuses(), one.problems]).toEqual([["a cancelled"], []]);
  });

  test("a drain that takes too long ends all the same", async () => {
    const { worker, clock } = await fleetWorld("a");
    const { agent, working } = heldAgents();
    const one = worker(agent);
    await one.worker.start();
    await clock.advance(0);
    await eventually(working).toEqual(["a"]);
    const drained = one.worker.drain({ graceMs: 1_000 });
    await eventually(() => clock.advance(500).then(() => one.worker.status().state)).toBe("stopped");
    await drained;
    expect(working()).toEqual(["a"]);
  });

  test("a worker that is cut off ends its agents by itself, and goes on with its runs when it is back", async () => {
    const { worker, clock, shared, statuses } = await fleetWorld("a");
    const { agent, working, finish } = heldAgents();
    let sinceBeatMs = 0;
    const store = renewedStore(shared, () => sinceBeatMs);
    let backs = 0;
    const onBack = () => {
      backs += 1;
    };
    const one = worker(agent, { store, onBack });
    await one.worker.start();
    await clock.advance(0);
    await eventually(working).toEqual(["a"]);
    sinceBeatMs = 9_999;
    await clock.advance(1_000);
    expect([one.worker.status().state, working()]).toEqual(["working", ["a"]]);
    sinceBeatMs = 10_001;
    await clock.advance(1_000);
    expect(one.worker.status().state).toBe("cut-off");
    await eventually(working).toEqual([]);
    expect(one.problems).toEqual(["null: The store could not be reached; the agents here are ended."]);
    expect(backs).toBe(0);
    sinceBeatMs = 0;
    await eventually(() => clock.advance(1_000).then(working)).toEqual(["a"]);
    finish("a");
    await eventually(statuses).toEqual(["a succeeded"]);
    expect(backs).toBe(1);
  });

  test("a worker that others took for dead although it lives ends its agents, and goes on when it is renewed", async () => {
    const { worker, clock, shared, statuses } = await fleetWorld("a");
    const { agent, working, finish } = heldAgents();
    let sinceBeatMs = 0;
    const store = renewedStore(shared, () => sinceBeatMs);
    const one = worker(agent, { store });
    await one.worker.start();
    await clock.advance(0);
    await eventually(working).toEqual(["a"]);
    sinceBeatMs = Number.POSITIVE_INFINITY;
    await clock.advance(1_000);
    expect(one.worker.status()).toMatchObject({ state: "cut-off", beatAgeMs: clock.monotonicMs() });
    await eventually(working).toEqual([]);
    sinceBeatMs = 0;
    await eventually(() => clock.advance(1_000).then(working)).toEqual(["a"]);
    finish("a");
    await eventually(statuses).toEqual(["a succeeded"]);
  });

  test("a worker that is cut off ends its agents at two thirds of its time, with a fifteenth of it for each step of their end", async () => {
    const { worker, clock, shared } = await fleetWorld();
    const renewedAtMs = clock.monotonicMs();
    const store = renewedStore(shared, () => clock.monotonicMs() - renewedAtMs);
    const one = worker(undefined, { store });
    const ended: unknown[] = [];
    Object.assign(one.engine, {
      abandon: async (how: unknown) => void ended.push({ atMs: clock.monotonicMs() - renewedAtMs, how }),
    });
    await one.worker.start();
    await clock.advance(10_000);
    expect(ended).toEqual([]);
    await clock.advance(100);
    // It is looked at as soon as it would be late, and at most every 150th of the time.
    expect(ended).toEqual([{ atMs: 10_100, how: { graceMs: 1_000 } }]);
  });

  test("a worker that is back goes on only when the agents of before are gone", async () => {
    const { worker, clock, shared } = await fleetWorld();
    let sinceBeatMs = 0;
    const store = renewedStore(shared, () => sinceBeatMs);
    const one = worker(undefined, { store });
    const gone = Promise.withResolvers<void>();
    const recovered: unknown[] = [];
    Object.assign(one.engine, {
      abandon: () => gone.promise,
      recover: async (how: unknown) => {
        recovered.push(how);
        return [];
      },
    });
    await one.worker.start();
    recovered.length = 0;
    sinceBeatMs = 12_000;
    await clock.advance(1_000);
    sinceBeatMs = 0;
    await clock.advance(2_000);
    expect([one.worker.status().state, recovered]).toEqual(["cut-off", []]);
    gone.resolve();
    await clock.advance(1_000);
    expect([one.worker.status().state, recovered]).toEqual(["working", [{ runsOnly: true }]]);
  });

  test("a worker that stood still for too long is cut off although its row was renewed since", async () => {
    const { worker, clock, shared } = await fleetWorld("a");
    const { agent, working, spaces } = heldAgents();
    const store = renewedStore(shared, () => 0);
    let stoodStillMs = 0;
    const one = worker(agent, {
      store,
      clock: { ...clock, monotonicMs: () => clock.monotonicMs() + stoodStillMs },
    });
    await one.worker.start();
    await clock.advance(0);
    await eventually(working).toEqual(["a"]);
    stoodStillMs = 12_000;
    await clock.advance(1_000);
    await eventually(() => clock.advance(1_000).then(() => spaces)).toEqual(["a", "a"]);
  });
});

describe("many workers with places free", () => {
  /** Looks in a minute of a worker that is told of so many others, and those that so many calls of its store add. */
  async function looksOf({ others, calls, random }: { others: number; calls: number; random: number }) {
    const { worker, clock, shared } = await fleetWorld();
    const { admissions, ...inner } = openMemoryStore({ world: shared });
    const asked: (boolean | undefined)[] = [];
    let call = () => {};
    const store = {
      ...inner,
      admissions: {
        ...admissions,
        beat: async () => ({ listeners: 1 + others }),
        admit: async ({ tellsOthers }: { readonly tellsOthers?: boolean }) => {
          asked.push(tellsOthers);
          return { admitted: [], carried: 0, hasAbandonedRuns: false };
        },
        watch: async (listener: () => void) => {
          call = listener;
        },
      },
    };
    await worker(undefined, { store, random: () => random }).worker.start();
    await clock.advance(60_000);
    const looks = asked.length;
    for (let n = 0; n < calls; n += 1) {
      call();
      await clock.advance(60);
    }
    return { looks, called: asked.length - looks, tells: asked.at(-1) };
  }

  test("look in turn, and not each of them when something is due: who takes all it can has the others told", async () => {
    const alone = await looksOf({ others: 0, calls: 3, random: 0.5 });
    const few = await looksOf({ others: 7, calls: 3, random: 0.5 });
    const awake = await looksOf({ others: 39, calls: 3, random: 0.1 });
    const asleep = await looksOf({ others: 39, calls: 3, random: 0.5 });
    const very = await looksOf({ others: 999, calls: 0, random: 0.5 });
    expect({ alone, few, awake, asleep, very }).toEqual({
      alone: { looks: 61, called: 3, tells: false },
      few: { looks: 16, called: 3, tells: false },
      awake: { looks: 4, called: 3, tells: true },
      asleep: { looks: 4, called: 0, tells: true },
      very: { looks: 3, called: 0, tells: true },
    });
  });
});

describe("runs of dead workers", () => {
  test("that the store knows of are taken over at the next look, and those that nobody can are tried less often", async () => {
    const { worker, clock, shared } = await fleetWorld();
    const inner = openMemoryStore({ world: shared });
    const admit = async () => ({ admitted: [], carried: 0, hasAbandonedRuns: true });
    const one = worker(undefined, { store: { ...inner, admissions: { ...inner.admissions, admit } } });
    const looks: number[] = [];
    Object.assign(one.engine, {
      recover: async ({ runsOnly = false } = {}) => {
        if (runsOnly) looks.push(clock.monotonicMs());
        if (looks.length === 2) throw new Error("an agent can't be ended");
        return [];
      },
    });
    await one.worker.start();
    await clock.advance(60_000);
    expect(looks.slice(1).map((atMs, n) => atMs - (looks[n] ?? 0))).toEqual([
      1_000, 3_000, 7_000, 15_000, 15_000, 15_000,
    ]);
    expect(one.problems).toEqual(["null: an agent can't be ended"]);
  });

  test("keep nobody waiting who dies after they were taken over", async () => {
    const { worker, clock, shared } = await fleetWorld();
    const inner = openMemoryStore({ world: shared });
    let hasAbandonedRuns = true;
    const admit = async () => ({ admitted: [], carried: 0, hasAbandonedRuns });
    const one = worker(undefined, { store: { ...inner, admissions: { ...inner.admissions, admit } } });
    let looks = 0;
    Object.assign(one.engine, {
      recover: async ({ runsOnly = false } = {}) => {
        if (runsOnly) looks += 1;
        return [];
      },
    });
    await one.worker.start();
    await clock.advance(5_000);
    hasAbandonedRuns = false;
    await clock.advance(1_000);
    hasAbandonedRuns = true;
    looks = 0;
    await clock.advance(1_000);
    expect(looks).toBe(1);
  });

  test("whose machine was lost begin anew where that was found, before what waits for its turn", async () => {
    const { worker, clock, shared } = await fleetWorld("a", "b");
    const { agent, spaces, working, finish } = heldAgents();
    const one = worker(agent, { concurrency: 1, store: openMemoryStore({ world: shared }) });
    const { live } = one.engine;
    const lost = Promise.withResolvers<{ status: string }>();
    let isOver = false;
    Object.assign(one.engine, {
      live: () => (isOver ? live() : [{ id: "lost", space: "b", result: lost.promise }]),
    });
    await one.worker.start();
    await clock.advance(0);
    isOver = true;
    lost.resolve({ status: "machine_lost" });
    await eventually(() => clock.advance(1_000).then(working)).toEqual(["b"]);
    finish("b");
    await eventually(() => clock.advance(1_000).then(() => spaces)).toEqual(["b", "a"]);
  });
});
