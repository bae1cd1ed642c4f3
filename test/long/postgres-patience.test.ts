import { Pool } from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Store } from "../../src/domain/ports.ts";
import { openPostgresStore } from "../../src/persistence/postgres/index.ts";
import { asking, claimedLease, commitOf, NOW_MS, newRun } from "../../src/testing/store/given.ts";
import { type FaultyPool, faultyPool, sqlError } from "../postgres/faulty-pool.ts";
import { type Database, freshDatabase, sharedCluster } from "../postgres/run.ts";

let database: Database;
let real: Pool;
let pool: FaultyPool;
let store: Store;
let schemas = 0;

beforeAll(async () => {
  database = await freshDatabase(await sharedCluster(15));
  real = new Pool({ connectionString: database.url, max: 6 });
  real.on("error", () => {});
});
afterAll(async () => {
  await real.end();
  await database.drop();
});
beforeEach(async () => {
  schemas += 1;
  pool = faultyPool(real);
  store = await openPostgresStore({ pool, schema: `patience_${schemas}`, patienceMs: 5_000 });
});
afterEach(() => store.close());

describe("what passes by itself", () => {
  test.each([
    ["a cut connection", sqlError("ECONNRESET")],
    ["a connection the driver calls ended", new Error("Connection terminated unexpectedly")],
    ["a server that does not answer", new Error("Query read timeout")],
    ["a server that shuts down", sqlError("57P01")],
    ["a server that starts", sqlError("57P03")],
    ["too many connections", sqlError("53300")],
    ["a deadlock", sqlError("40P01")],
    ["a serialization failure", sqlError("40001")],
    ["a statement timeout", sqlError("57014")],
    ["a lock timeout", sqlError("55P03")],
    ["a standby that is being promoted", sqlError("25006")],
    ["a pooler without a connection left", sqlError("08P01", "query_wait_timeout")],
  ])("%s is waited out, and the operation is done once", async (_, error) => {
    await store.jobs.enqueue("global", 100);
    pool.faults.push({ when: /update "patience_\d+"\.jobs/, how: "before", error, times: 2 });
    await store.jobs.enqueue("global", 200);
    expect((await store.jobs.read("global"))?.input_watermark).toBe(200);
    expect(pool.faults[0]?.times).toBe(0);
  });

  test("no connection at all is waited for", async () => {
    pool.faults.push({ when: /connect/, how: "before", error: sqlError("ECONNREFUSED"), times: 3 });
    expect(await store.runs.create(newRun(), commitOf(0))).toBe("ok");
  });

  test.each([
    ["too many connections", "53300", "store_busy"],
    ["a refused connection", "ECONNREFUSED", "store_unavailable"],
    ["a full disk", "53100", "store_full"],
    ["a standby", "25006", "store_read_only"],
  ])("%s that lasts longer than the store is patient is said: %s is %s", async (_, code, expected) => {
    await store.close();
    store = await openPostgresStore({ pool, schema: `patience_${schemas}`, patienceMs: 20 });
    pool.faults.push({ when: /select/, how: "before", error: sqlError(code), times: 1_000 });
    await expect(store.jobs.read("global")).rejects.toMatchObject({ code: expected });
    pool.faults.length = 0;
    expect(await store.jobs.read("global")).toBeNull();
  });

  test("what lasts is said at once", async () => {
    pool.faults.push({ when: /select/, how: "before", error: sqlError("42P01"), times: 1 });
    await expect(store.jobs.read("global")).rejects.toMatchObject({ code: "store_unavailable" });
    expect(pool.faults[0]?.times).toBe(0);
  });
});

describe("an operation whose answer was lost finds its own trace", () => {
  const cut = (when: RegExp) =>
    void pool.faults.push({ when, how: "after", error: sqlError("ECONNRESET"), times: 1 });
  const isSpent = () => pool.faults.every(({ times }) => times === 0);

  test("creation and commits of a run, and notes on it", async () => {
    cut(/insert into "patience_\d+"\.runs/);
    expect(await store.runs.create(newRun(), commitOf(0))).toBe("ok");
    cut(/update "patience_\d+"\.runs/);
    expect(await store.runs.commit(commitOf(1))).toBe("ok");
    cut(/insert into "patience_\d+"\.events/);
    const id = await store.runs.note("run-1", { atMs: 5, type: "beat", data: 1 });
    const log = await store.runs.log({ run: "run-1", after: 0, limit: 9 });
    expect(log.map(({ type }) => type)).toEqual(["event.0", "event.1", "beat"]);
    expect(log.at(-1)?.id).toBe(id);
    expect(isSpent()).toBe(true);
  });

  test("a signal without a key is left once", async () => {
    await store.runs.create(newRun(), commitOf(0));
    cut(/^commit$/);
    const signal = await store.runs.signal({ run: "run-1", key: null, event: "{}", nowMs: 7 });
    expect((await store.runs.inbox("owner-a")).signals).toEqual([signal]);
    expect(isSpent()).toBe(true);
  });

  test("a claim, its end, and an owner's registration", async () => {
    await store.jobs.enqueue("global", 100);
    cut(/^commit$/);
    expect(await store.jobs.claim(asking())).toMatchObject({ kind: "claimed", fence: 1 });
    cut(/^commit$/);
    const lease = { space: "global", token: "token-a", fence: 1 };
    expect(await store.jobs.succeed({ lease, watermark: 100, nowMs: NOW_MS })).toBe("already");
    cut(/insert into "patience_\d+"\.owners/);
    const { unregister } = await store.liveness.register("owner-a");
    expect(await store.liveness.probe("owner-a")).toBe("alive");
    await unregister();
    expect(isSpent()).toBe(true);
  });

  test("a published generation", async () => {
    const lease = await claimedLease(store);
    const generation = { id: "g1", space: "global", parent: null, run: null, kind: "published" } as const;
    cut(/^commit$/);
    const request = { lease, manifest: [], blobs: new Map(), journal: null, nowMs: NOW_MS };
    const outcome = await store.generations.commit({
      ...request,
      generation: { ...generation, createdAtMs: 1 },
    });
    expect(outcome).toBe("already");
    expect((await store.generations.list("global", 9)).map(({ id }) => id)).toEqual(["g1"]);
    expect(isSpent()).toBe(true);
  });
});

describe("steps that come together", () => {
  const runs = Array.from({ length: 64 }, (_, at) => `run-${String(at).padStart(2, "0")}`);

  test("of 64 runs in one turn are one statement, and what follows of one run is the next", async () => {
    await Promise.all(runs.map((id) => store.runs.create(newRun({ id }), commitOf(0, { run: id }))));
    pool.statements.length = 0;
    const asked = runs.flatMap((run) => [commitOf(1, { run }), commitOf(2, { run })]);
    const outcomes = await Promise.all(asked.map((commit) => store.runs.commit(commit)));
    expect(new Set(outcomes)).toEqual(new Set(["ok"]));
    expect(pool.statements.length).toBe(2);
    const types = (await store.runs.steps({ run: "run-07", to: 9 })).map(({ type }) => type);
    expect(types).toEqual(["event.0", "event.1", "event.2"]);
  });

  test("are refused one by one: those of other runs are not", async () => {
    for (const id of ["run-1", "run-2"]) await store.runs.create(newRun({ id }), commitOf(0, { run: id }));
    const impossible = commitOf(1, { run: "run-1", atMs: 2 ** 70 });
    const [wrong, right] = await Promise.allSettled([
      store.runs.commit(impossible),
      store.runs.commit(commitOf(1, { run: "run-2" })),
    ]);
    expect(wrong).toMatchObject({ status: "rejected", reason: { code: "store_rejected" } });
    expect(right).toEqual({ status: "fulfilled", value: "ok" });
    expect((await store.runs.read("run-1"))?.sequence).toBe(0);
  });
});
