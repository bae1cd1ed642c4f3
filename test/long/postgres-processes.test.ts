import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { Store } from "../../src/domain/ports.ts";
import { openPostgresStore } from "../../src/persistence/postgres/index.ts";
import { asking, claimedLease, commitOf, laterMs, NOW_MS, newRun } from "../../src/testing/store/given.ts";
import { type StoreProcess, storeProcess } from "../contract/process.ts";
import { type Database, freshDatabase, sharedCluster } from "../postgres/run.ts";

const PROCESSES = 5;
const TTL_MS = 1_500;

let processes: readonly StoreProcess[];
let database: Database;
let stores: readonly Store[];

beforeAll(async () => {
  processes = await Promise.all(Array.from({ length: PROCESSES }, () => storeProcess()));
});
afterAll(() => Promise.all(processes.map((process) => process.kill())));
beforeEach(async () => {
  database = await freshDatabase(await sharedCluster(15));
  // All of them at once, on a database without a schema.
  const options = { url: database.url, ownerTtlMs: TTL_MS };
  stores = await Promise.all(processes.map((process) => process.open(options)));
});
afterEach(async () => {
  const living = stores.filter((_, at) => processes[at]?.isAlive());
  await Promise.all(living.map((store) => store.close()));
  await database.drop();
});

test("five processes that make the schema and claim at once: one is given the job", async () => {
  await stores[0]?.jobs.enqueue("global", 100);
  const outcomes = await Promise.all(
    stores.map((store, at) => store.jobs.claim(asking({ token: `token-${at}`, worker: `worker-${at}` }))),
  );
  const refused = Array.from({ length: PROCESSES - 1 }, () => ({ kind: "skipped", why: "running" }));
  expect(outcomes.filter(({ kind }) => kind === "claimed").length).toBe(1);
  expect(outcomes.filter(({ kind }) => kind === "skipped")).toEqual(refused);
  const winner = outcomes.findIndex(({ kind }) => kind === "claimed");
  expect(await stores[0]?.jobs.read("global")).toMatchObject({ ownership_token: `token-${winner}` });
});

test("what five processes enqueue at once is all there", async () => {
  const deeds = stores.flatMap((store) => Array.from({ length: 40 }, () => store.jobs.enqueue("global", 0)));
  await Promise.all(deeds);
  expect((await stores[0]?.jobs.read("global"))?.input_watermark).toBe(PROCESSES * 40 - 1);
});

test("commits of five processes to one run: each place in the log is given once", async () => {
  await stores[0]?.runs.create(newRun(), commitOf(0));
  const outcomes = await Promise.all(
    stores.map(async (store, by) => {
      const won: number[] = [];
      for (let sequence = 1; sequence <= 12; sequence += 1) {
        const outcome = await store.runs.commit(commitOf(sequence, { event: JSON.stringify({ by }) }));
        if (outcome === "ok") won.push(sequence);
      }
      return won;
    }),
  );
  const won = outcomes.flat().sort((left, right) => left - right);
  const log = await stores[0]?.runs.log({ run: "run-1", after: 0, limit: 99 });
  expect(won).toEqual(log?.slice(1).map(({ sequence }) => sequence));
  expect((await stores[0]?.runs.read("run-1"))?.sequence).toBe(won.length);
});

test("an owner that is killed is dead to all the others, who take over what it held: one of them each", async () => {
  const [victim, ...others] = stores;
  await victim?.liveness.register("owner-v");
  await Promise.all(others.map((store, at) => store.liveness.register(`owner-${at}`)));
  const lease = await claimedLease(victim as Store, { worker: "owner-v", leaseSeconds: 3600 });
  await victim?.runs.create(newRun({ owner: "owner-v" }), commitOf(0));
  await new Promise((done) => setTimeout(done, TTL_MS * 1.2));
  await processes[0]?.kill();
  await Promise.all(
    others.map(async (store) => {
      while ((await store.liveness.probe("owner-v")) !== "dead");
    }),
  );
  const taken = await Promise.all(
    others.map((store, at) =>
      store.runs.takeOver({ run: "run-1", fence: 1, owner: `owner-${at}`, nowMs: NOW_MS }),
    ),
  );
  expect(taken.filter((run) => run !== null).length).toBe(1);
  const leases = await Promise.all(
    others.map((store, at) =>
      store.jobs.takeOver({ ...lease, worker: `owner-${at}`, leaseSeconds: 60, nowMs: laterMs(1) }),
    ),
  );
  // Each raises the fence: the last one's is the one that counts.
  expect(new Set(leases.map((one) => one?.fence)).size).toBe(PROCESSES - 1);
  // A store that opens afterwards finds the victim forgotten.
  const late = await openPostgresStore({ url: database.url });
  expect(await late.liveness.probe("owner-v")).toBe("dead");
  await late.close();
});
