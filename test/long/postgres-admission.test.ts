import { once } from "node:events";
import { Client } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Store } from "../../src/domain/ports.ts";
import { openPostgresStore } from "../../src/persistence/postgres/index.ts";
import { commitOf, NOW_MS, newRun } from "../../src/testing/store/given.ts";
import { type Database, freshDatabase, sharedCluster } from "../postgres/run.ts";

let database: Database;
let store: Store;
let client: Client;

beforeAll(async () => {
  database = await freshDatabase(await sharedCluster(15));
  store = await openPostgresStore({ url: database.url });
  client = new Client({ connectionString: database.url });
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await store.close();
  await database.drop();
});

test("who is given all that it asked for has the others told, when it says so: there may be more", async () => {
  for (const tenant of ["a", "b", "c", "d"]) await store.jobs.enqueue(`${tenant}/1`, 1);
  const { rows } = await client.query<{ channel: string }>(
    "select 'slowwave_due_' || left(encode(sha256(convert_to('slowwave', 'UTF8')), 'hex'), 16) as channel",
  );
  const channel = rows[0]?.channel ?? "";
  await client.query(`listen ${channel}`);
  const payloads: (string | undefined)[] = [];
  client.on("notification", ({ payload }) => payloads.push(payload));
  const admit = async (count: number, tellsOthers: boolean) => {
    const limits = { fleet: null, tenant: null };
    const terms = { limits, successCooldownSeconds: 0, retries: 3, nowMs: 0 };
    const { admitted } = await store.admissions.admit({ worker: "w", count, tellsOthers, ...terms });
    // What is notified comes in the order of commits.
    const end = once(client, "notification", { signal: AbortSignal.timeout(30_000) });
    await client.query("select pg_notify($1, $2)", [channel, `${count} asked for, ${admitted.length} given`]);
    await end;
  };
  await admit(1, false);
  await admit(1, true);
  await admit(9, true);
  await admit(9, true);
  await expect.poll(() => payloads.length, { timeout: 30_000 }).toBe(5);
  expect(payloads).toEqual([
    "1 asked for, 1 given",
    "",
    "1 asked for, 1 given",
    "9 asked for, 2 given",
    "9 asked for, 0 given",
  ]);
});

test("retention takes the patches of a run that is over, once, and none of an unfinished one", async () => {
  const step = (run: string, sequence: number) => {
    const snapshot = JSON.stringify({ status: "active", value: `s${sequence}`, context: { at: sequence } });
    const patch = JSON.stringify({ value: `s${sequence}`, context: { at: sequence } });
    return commitOf(sequence, { run, fence: 1, snapshot, patch });
  };
  for (const run of ["over", "active"]) {
    await store.runs.create(newRun({ id: run }), commitOf(0, { run, fence: 1 }));
    for (const sequence of [1, 2, 3]) await store.runs.commit(step(run, sequence));
  }
  await store.runs.commit(commitOf(4, { run: "over", fence: 1, state: "done" }));
  const patches = async () =>
    (
      await client.query(
        "select run, count(patch)::integer as patches from slowwave.events group by run order by run",
      )
    ).rows;
  const before = await patches();
  const retire = () => store.retire({ space: "global", keepRuns: 9, keepRunDays: 9, nowMs: NOW_MS });
  const removed = [await retire(), await retire()];
  expect({ before, after: await patches(), removed }).toEqual({
    before: [
      { run: "active", patches: 3 },
      { run: "over", patches: 3 },
    ],
    after: [
      { run: "active", patches: 3 },
      { run: "over", patches: 0 },
    ],
    // Three rows and the run.
    removed: [
      { removed: 4, isDone: false },
      { removed: 0, isDone: true },
    ],
  });
});
