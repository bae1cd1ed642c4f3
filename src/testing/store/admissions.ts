import { describe, expect, test } from "vitest";
import {
  ADMISSION_MS,
  NO_LIMITS,
  WORKER_COUNTED_MS,
  WORKER_SHOWN_MS,
  type WorkerReport,
} from "../../domain/admission.ts";
import type { Store } from "../../domain/ports.ts";
import { asking, claimedLease, NOW_MS, type OpenWorld, openEach } from "./given.ts";

const TERMS = { successCooldownSeconds: 0, retries: 3, nowMs: NOW_MS };
const ASKING = { worker: "worker-a", count: 100, limits: NO_LIMITS, ...TERMS };

async function enqueue(store: Store, ...spaces: readonly string[]): Promise<void> {
  for (const space of spaces) await store.jobs.enqueue(space, 100);
}

async function admitted(
  store: Store,
  some: Partial<typeof ASKING> | object = {},
): Promise<readonly string[]> {
  return (await store.admissions.admit({ ...ASKING, ...some })).admitted.map(({ space }) => space);
}

/** Who may start. `a` and `b` are two processes as far as the store can know. */
export function admissionContract(name: string, open: OpenWorld): void {
  describe(`admissions · ${name}`, () => {
    let a: Store;
    let b: Store;
    openEach(open, async (world) => {
      // What is enqueued is due since then.
      await world.setNowMs?.(NOW_MS);
      ({ a, b } = world);
    });

    orderContract(() => ({ a, b }));
    placeContract(() => ({ a, b }));
    fleetContract(() => ({ a, b }));
  });
}

type Stores = () => { readonly a: Store; readonly b: Store };

function orderContract(stores: Stores): void {
  describe("the order", () => {
    test("tenants take turns, each with the space that is due longest, and a space without one is of the tenant without a name", async () => {
      const { a, b } = stores();
      await enqueue(a, "t1/a", "t1/b", "t2/a", "plain", "t1/c");
      expect(await a.admissions.admit({ ...ASKING, count: 3 })).toEqual({
        admitted: [
          { space: "plain", tenant: "" },
          { space: "t1/a", tenant: "t1" },
          { space: "t2/a", tenant: "t2" },
        ],
        carried: 0,
        hasAbandonedRuns: false,
      });
      expect(await admitted(b, { worker: "worker-b" })).toEqual(["t1/b", "t1/c"]);
      expect(await admitted(a)).toEqual([]);
    });

    test("a tenant with many spaces due gets one place while each other that waits gets one", async () => {
      const { a, b } = stores();
      const hungry = Array.from({ length: 60 }, (_, n) => `m/${String(n).padStart(3, "0")}`);
      const others = Array.from({ length: 20 }, (_, n) => `${n < 10 ? "a" : "z"}${n}/only`);
      await enqueue(a, ...hungry, ...others);
      const given: string[] = [];
      for (let turn = 0; turn < 7; turn += 1) given.push(...(await admitted(turn % 2 ? a : b, { count: 3 })));
      expect(given.filter((space) => space.startsWith("m/"))).toEqual(["m/000"]);
      expect(given.filter((space) => !space.startsWith("m/")).sort()).toEqual([...others].sort());
    });

    test("the tenant with the fewest places comes first", async () => {
      const { a } = stores();
      await enqueue(a, "t1/a", "t1/b", "t1/c");
      await admitted(a, { count: 2 });
      await enqueue(a, "t2/a", "t2/b", "t2/c");
      expect(await admitted(a, { count: 3 })).toEqual(["t2/a", "t2/b", "t1/c"]);
    });

    test("what a claim would be refused for is not admitted", async () => {
      const { a } = stores();
      const lease = await claimedLease(a, { space: "failed" });
      await a.jobs.fail({ lease, reason: "failed_agent", retryDelaySeconds: 3600, nowMs: NOW_MS });
      await claimedLease(a, { space: "running", token: "token-r" });
      const clean = await claimedLease(a, { space: "clean", token: "token-c" });
      await a.jobs.succeed({ lease: clean, watermark: 100, nowMs: NOW_MS });
      expect(await admitted(a)).toEqual([]);
    });
  });
}

function placeContract(stores: Stores): void {
  describe("places", () => {
    test("however many ask at once, no limit is passed and none is left unused", async () => {
      const { a, b } = stores();
      const spaces = ["t1", "t2", "t3", "t4", "t5"].flatMap((tenant) =>
        Array.from({ length: 9 }, (_, n) => `${tenant}/${n}`),
      );
      await enqueue(a, ...spaces);
      const limits = { fleet: 20, tenant: 6, tenants: { t5: 2 } };
      const outcomes = await Promise.all(
        Array.from({ length: 12 }, (_, n) => admitted(n % 2 ? a : b, { worker: `w${n}`, count: 5, limits })),
      );
      const given = outcomes.flat();
      const perTenant = (tenant: string) => given.filter((space) => space.startsWith(`${tenant}/`)).length;
      expect([given.length, new Set(given).size, perTenant("t5")]).toEqual([20, 20, 2]);
      for (const tenant of ["t1", "t2", "t3", "t4"]) expect(perTenant(tenant)).toBeLessThanOrEqual(6);
    });

    test("running jobs have places too, whoever runs them and whoever takes them over", async () => {
      const { a, b } = stores();
      await enqueue(a, "t/2", "t/3");
      await claimedLease(a, { space: "t/1" });
      const limits = { fleet: null, tenant: 2 };
      expect(await admitted(a, { limits })).toEqual(["t/2"]);
      const taken = { space: "t/1", token: "token-a", worker: "worker-b", leaseSeconds: 3600, nowMs: NOW_MS };
      expect(await b.jobs.takeOver(taken)).toMatchObject({ fence: 2 });
      expect(await admitted(b, { limits })).toEqual([]);
    });

    test("a claim consumes the admission, and the end of the run frees the place", async () => {
      const { a, b } = stores();
      await enqueue(a, "t/1", "t/2");
      const limits = { fleet: 1, tenant: null };
      expect(await admitted(a, { limits })).toEqual(["t/1"]);
      const outcome = await a.jobs.claim(asking({ space: "t/1" }));
      expect([outcome.kind, await admitted(b, { limits })]).toEqual(["claimed", []]);
      const lease = { space: "t/1", token: "token-a", fence: 1 };
      await a.jobs.succeed({ lease, watermark: 100, nowMs: NOW_MS });
      expect(await admitted(b, { limits })).toEqual(["t/2"]);
    });

    test("what is handed back is free at once, or put off, and only by whom it was given to", async () => {
      const { a, b } = stores();
      await enqueue(a, "t/1", "t/2");
      await admitted(a);
      await b.admissions.handBack({ worker: "worker-b", spaces: ["t/1"], nowMs: NOW_MS });
      expect(await admitted(b)).toEqual([]);
      await a.admissions.handBack({ worker: "worker-a", spaces: ["t/1"], nowMs: NOW_MS });
      await a.admissions.handBack({
        worker: "worker-a",
        spaces: ["t/2"],
        retryAfterMs: 600_000,
        nowMs: NOW_MS,
      });
      expect(await admitted(b)).toEqual(["t/1"]);
    });

    test("an admission that nobody claims is over after its time, and so is what was put off", async () => {
      const { a, b } = stores();
      await enqueue(a, "t/1", "t/2");
      expect(await admitted(a)).toEqual(["t/1", "t/2"]);
      await a.admissions.handBack({
        worker: "worker-a",
        spaces: ["t/2"],
        retryAfterMs: 60_000,
        nowMs: NOW_MS,
      });
      expect(await admitted(b, { nowMs: NOW_MS + ADMISSION_MS - 1 })).toEqual([]);
      expect(await admitted(b, { nowMs: NOW_MS + ADMISSION_MS })).toEqual(["t/1"]);
      expect(await admitted(b, { nowMs: NOW_MS + 60_000 })).toEqual(["t/1", "t/2"]);
    });

    test("a running job whose lease is over is admitted again, and needs no other place", async () => {
      const { a, b } = stores();
      await claimedLease(a, { space: "t/1" });
      await enqueue(a, "t/2");
      const late = { nowMs: NOW_MS + 3_601_000, limits: { fleet: 1, tenant: 1 } };
      expect([await admitted(b, late), await admitted(b, late)]).toEqual([["t/1"], []]);
    });

    test("a space is admitted by its name where a limit allows it, due or not, else the answer says why not", async () => {
      const { a, b } = stores();
      const ask = (store: Store, space: string, some: object = {}) =>
        store.admissions.admitSpace({ space, worker: "worker-a", limits: NO_LIMITS, ...TERMS, ...some });
      await claimedLease(a, { space: "t/1" });
      expect(await ask(a, "t/1")).toBe("running");
      expect(await ask(a, "t/2", { limits: { fleet: null, tenant: 1 } })).toBe("tenant-limit");
      expect(await ask(a, "t/2", { limits: { fleet: 1, tenant: null } })).toBe("fleet-limit");
      expect(await ask(a, "t/2", { limits: { fleet: 2, tenant: 2 } })).toBeNull();
      expect([await ask(b, "t/2", { worker: "worker-b" }), await ask(b, "t/2")]).toEqual(["admitted", null]);
      await a.admissions.pause({ tenant: "t", isPaused: true });
      expect(await ask(b, "t/3")).toBe("paused");
    });
  });
}

function report(some: Partial<WorkerReport> = {}): WorkerReport {
  return {
    worker: "worker-a",
    name: "a",
    host: "machine-a",
    pid: 7,
    version: "1.0.0",
    state: "working",
    concurrency: 8,
    limits: { fleet: 400, tenant: 6, tenants: { gold: 20 } },
    running: 2,
    takeovers: 1,
    leasesLost: 0,
    startedAtMs: 1_000,
    clockOffsetMs: -3,
    ...some,
  };
}

function fleetContract(stores: Stores): void {
  describe("the fleet", () => {
    test("what is paused is not admitted until it is resumed, and keeps its turn", async () => {
      const { a, b } = stores();
      await enqueue(a, "t1/a", "t2/a");
      await a.admissions.pause({ tenant: "t1", isPaused: true });
      await a.admissions.pause({ tenant: "t1", isPaused: true });
      expect(await admitted(b)).toEqual(["t2/a"]);
      await b.admissions.pause({ tenant: null, isPaused: true });
      await b.admissions.pause({ tenant: "t1", isPaused: false });
      expect(await admitted(a)).toEqual([]);
      await a.admissions.pause({ tenant: null, isPaused: false });
      expect(await admitted(a)).toEqual(["t1/a"]);
    });

    test("the overview counts places by tenant, and tells who works", async () => {
      const { a, b } = stores();
      await enqueue(a, "t1/a", "t1/b", "t1/c", "t2/a", "plain");
      await a.admissions.pause({ tenant: "t2", isPaused: true });
      await admitted(a, { limits: { fleet: null, tenant: 2 } });
      await a.jobs.claim(asking({ space: "t1/a" }));
      const nowMs = await a.nowMs();
      await b.admissions.beat({ report: report({ worker: "worker-b", startedAtMs: 2_000 }), nowMs });
      await a.admissions.beat({ report: report(), nowMs });
      const overview = await b.admissions.overview({ ...TERMS, nowMs, tenants: 10 });
      const oldest = expect.any(Number);
      expect({ ...overview, nowMs: 0, workers: overview.workers.map(({ beatAtMs, ...row }) => row) }).toEqual(
        {
          nowMs: 0,
          tenantOf: "prefix:/",
          isPaused: false,
          workers: [report(), report({ worker: "worker-b", startedAtMs: 2_000 })],
          tenants: [
            { tenant: "t1", due: 1, admitted: 1, running: 1, oldestDueAtMs: oldest, isPaused: false },
            { tenant: "", due: 0, admitted: 1, running: 0, oldestDueAtMs: null, isPaused: false },
            { tenant: "t2", due: 1, admitted: 0, running: 0, oldestDueAtMs: oldest, isPaused: true },
          ],
          due: 2,
          admitted: 2,
          running: 1,
          oldestDueAtMs: oldest,
        },
      );
      const few = await b.admissions.overview({ ...TERMS, nowMs, tenants: 1 });
      expect([few.tenants.map(({ tenant }) => tenant), few.due]).toEqual([["t1"], 2]);
    });

    test("a worker that leaves is gone with the places it was given; one that fell silent is shown no more", async () => {
      const { a, b } = stores();
      await enqueue(a, "t/1");
      const nowMs = await a.nowMs();
      await a.admissions.beat({ report: report(), nowMs });
      await b.admissions.beat({ report: report({ worker: "worker-b" }), nowMs });
      await admitted(a, { nowMs });
      await a.admissions.leave("worker-a");
      const workersAt = async (atMs: number) =>
        (await b.admissions.overview({ ...TERMS, nowMs: atMs, tenants: 1 })).workers.map(
          ({ worker }) => worker,
        );
      expect(await workersAt(nowMs)).toEqual(["worker-b"]);
      expect(await workersAt(nowMs + WORKER_SHOWN_MS)).toEqual([]);
      expect(await admitted(b, { worker: "worker-b", nowMs })).toEqual(["t/1"]);
    });

    test("a worker that tells of itself learns how many share the looks: those with places free, and itself", async () => {
      const { a, b } = stores();
      const nowMs = await a.nowMs();
      const beat = (store: Store, some: Partial<WorkerReport>) =>
        store.admissions.beat({ report: report(some), nowMs });
      expect(await beat(a, { worker: "worker-a" })).toEqual({ listeners: 1 });
      await beat(b, { worker: "full", concurrency: 2, running: 2 });
      await beat(b, { worker: "draining", state: "draining" });
      const { listeners } = await beat(b, { worker: "worker-b" });
      // A store that can't tell workers at once leaves each of them to itself.
      expect([1, 2]).toContain(listeners);
      expect(await beat(a, { worker: "worker-a", concurrency: 2, running: 2 })).toEqual({ listeners });
      expect(await beat(b, { worker: "worker-b" })).toEqual({ listeners: 1 });
      const later = nowMs + WORKER_COUNTED_MS;
      expect(await a.admissions.beat({ report: report({ worker: "worker-a" }), nowMs: later })).toEqual({
        listeners: 1,
      });
    });

    test("the rule for tenants is that of the first worker, for spaces that are there too, while another one lives", async () => {
      const { a, b } = stores();
      await enqueue(a, "x:1/a", "y/1");
      const nowMs = await a.nowMs();
      const say = (store: Store, rule: string, worker: string) =>
        store.admissions.setTenantRule({ rule, worker, nowMs });
      expect(await say(a, "prefix::", "worker-a")).toBe(true);
      await a.admissions.beat({ report: report(), nowMs });
      expect(await say(b, "prefix:/", "worker-b")).toBe(false);
      await enqueue(b, "x:2");
      const answer = await b.admissions.admit({ ...ASKING, nowMs });
      expect(answer.admitted).toEqual([
        { space: "y/1", tenant: "" },
        { space: "x:1/a", tenant: "x" },
        { space: "x:2", tenant: "x" },
      ]);
      await a.admissions.leave("worker-a");
      expect(await say(b, "prefix:/", "worker-b")).toBe(true);
      const overview = await a.admissions.overview({ ...TERMS, nowMs, tenants: 9 });
      expect(overview.tenants.map(({ tenant }) => tenant)).toEqual(["", "x:1", "y"]);
      await expect(say(a, "suffix:/", "worker-a")).rejects.toMatchObject({ code: "invalid_settings" });
    });
  });
}
