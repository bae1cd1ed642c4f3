import { Client } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Store } from "../../src/domain/ports.ts";
import { openPostgresStore } from "../../src/persistence/postgres/index.ts";
import { commitOf, newRun } from "../../src/testing/store/given.ts";
import { type Database, freshDatabase, sharedCluster } from "../postgres/run.ts";

let database: Database;
let store: Store;

beforeAll(async () => {
  database = await freshDatabase(await sharedCluster(15));
  store = await openPostgresStore({ url: database.url });
});
afterAll(async () => {
  await store.close();
  await database.drop();
});

async function connected(): Promise<Client> {
  const client = new Client({ connectionString: database.url });
  await client.connect();
  return client;
}

const typesAfter = async (after: number) =>
  (await store.runs.log({ after, limit: 99 })).map(({ type }) => type);

test("a follower of all runs sees nothing behind a writer that is slow to commit, and then all of it in order", async () => {
  await store.runs.create(newRun({ id: "slow" }), commitOf(0, { run: "slow" }));
  const [first] = await store.runs.log({ after: 0, limit: 9 });
  const after = first?.id ?? 0;
  const slow = await connected();
  await slow.query(`begin; insert into slowwave.events (id, run, at, type, data)
    select base + pg_current_xact_id()::text::bigint * 4096, 'slow', 1, 'slow', '{}' from slowwave.log_base`);
  await store.runs.note("slow", { atMs: 2, type: "quick", data: null });
  expect(await typesAfter(after)).toEqual([]);
  expect((await store.runs.tail({ limit: 9 })).map(({ type }) => type)).toEqual(["event.0"]);
  // Who reads one run reads what is there.
  const ofRun = await store.runs.log({ run: "slow", after: 0, limit: 9 });
  expect(ofRun.map(({ type }) => type)).toEqual(["event.0", "quick"]);
  await slow.query("commit");
  await slow.end();
  expect(await typesAfter(after)).toEqual(["slow", "quick"]);
});

test("ids go on growing where a dump was restored into a cluster that counts from lower", async () => {
  await store.runs.create(newRun({ id: "old" }), commitOf(0, { run: "old" }));
  const client = await connected();
  const far = 2 ** 45;
  await client.query(
    "insert into slowwave.events (id, run, at, type, data) values ($1, 'old', 1, 'restored', '{}')",
    [far],
  );
  const reopened = await openPostgresStore({ url: database.url });
  const id = await reopened.runs.note("old", { atMs: 2, type: "after", data: null });
  expect(id).toBeGreaterThan(far);
  expect((await reopened.runs.log({ after: far, limit: 9 })).map(({ type }) => type)).toEqual(["after"]);
  // Opened again nothing moves.
  await (await openPostgresStore({ url: database.url })).close();
  const next = await reopened.runs.note("old", { atMs: 3, type: "next", data: null });
  expect(next - id).toBeLessThan(4096 * 1000);
  expect(Number.isSafeInteger(next)).toBe(true);
  await reopened.close();
  await client.end();
});
