import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Client } from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Store } from "../../src/domain/ports.ts";
import { openPostgresStore } from "../../src/persistence/postgres/index.ts";
import { hasPgbouncer } from "../postgres/pgbouncer.ts";
import { type Database, freshDatabase, sharedCluster, sharedPgbouncer } from "../postgres/run.ts";

const TTL_MS = 1_500;
const CHILD = fileURLToPath(new URL("../postgres/store.child.ts", import.meta.url));

let database: Database;
let sql: Client;
const stores: Store[] = [];
const children: ChildProcess[] = [];

beforeAll(async () => {
  database = await freshDatabase(await sharedCluster(15));
  sql = new Client({ connectionString: database.url });
  await sql.connect();
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await Promise.all(stores.splice(0).map((store) => store.close()));
});
afterAll(async () => {
  await sql.end();
  await database.drop();
});

async function open(ownerTtlMs = TTL_MS, url = database.url): Promise<Store> {
  const store = await openPostgresStore({ url, ownerTtlMs });
  stores.push(store);
  return store;
}

async function ownerProcess(owner: string, ttlMs = TTL_MS, url = database.url): Promise<ChildProcess> {
  const args = ["--experimental-strip-types", "--no-warnings", CHILD, url, owner, String(ttlMs)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  await once(child.stdout as NodeJS.ReadableStream, "data");
  return child;
}

/** What is said of an owner until it is no longer what it was, and after how many milliseconds that was. */
async function verdictAfter(store: Store, owner: string, from: string) {
  const began = performance.now();
  for (;;) {
    const verdict = await store.liveness.probe(owner);
    if (verdict !== from) return { verdict, afterMs: performance.now() - began };
    await new Promise((done) => setTimeout(done, 20));
  }
}

test("an observer says nothing of the dead until its own beats went through for a whole time to live", async () => {
  const child = await ownerProcess("owner-1");
  child.kill("SIGKILL");
  await once(child, "exit");
  const observer = await open();
  const { verdict, afterMs } = await verdictAfter(observer, "owner-1", "unknown");
  expect(verdict).toBe("dead");
  expect(afterMs).toBeGreaterThan(TTL_MS * 0.9);
});

test("a killed process is dead long before its time to live is over, for its session is gone", async () => {
  const longMs = 6_000;
  const child = await ownerProcess("owner-2", longMs);
  const observer = await open(longMs);
  await observer.liveness.register("observer-2");
  await new Promise((done) => setTimeout(done, longMs * 1.2));
  expect(await observer.liveness.probe("owner-2")).toBe("alive");
  child.kill("SIGKILL");
  const { verdict, afterMs } = await verdictAfter(observer, "owner-2", "alive");
  expect(verdict).toBe("dead");
  expect(afterMs).toBeLessThan(longMs / 2);
});

test("a process that stands still is dead when its time is over, and alive again when it goes on", async () => {
  const child = await ownerProcess("owner-3");
  const observer = await open();
  await observer.liveness.register("observer-3");
  await new Promise((done) => setTimeout(done, TTL_MS * 1.2));
  child.kill("SIGSTOP");
  expect(await observer.liveness.probe("owner-3")).toBe("alive");
  expect((await verdictAfter(observer, "owner-3", "alive")).verdict).toBe("dead");
  child.kill("SIGCONT");
  expect((await verdictAfter(observer, "owner-3", "dead")).verdict).toBe("alive");
});

test("who was cut off himself may not judge, and a living owner whose session is cut stays alive", async () => {
  await ownerProcess("owner-4");
  const observer = await open();
  await observer.liveness.register("observer-4");
  await new Promise((done) => setTimeout(done, TTL_MS * 1.2));
  const verdicts = new Set<string>();
  for (let cut = 0; cut < 5; cut += 1) {
    await sql.query("select pg_terminate_backend(pid) from slowwave.owners where pid is not null");
    for (const end = performance.now() + TTL_MS / 2; performance.now() < end; ) {
      verdicts.add(await observer.liveness.probe("owner-4"));
      await new Promise((done) => setTimeout(done, 10));
    }
  }
  expect(verdicts).not.toContain("dead");
  await verdictAfter(observer, "owner-4", "unknown");
  expect(await observer.liveness.probe("owner-4")).toBe("alive");
});

test("tells how long ago a beat went through, which a frozen or cut off process fences itself by", async () => {
  const store = await open();
  expect(store.liveness.ttlMs).toBe(TTL_MS);
  expect(store.liveness.sinceBeatMs("owner-5")).toBe(Number.POSITIVE_INFINITY);
  await store.liveness.register("owner-5");
  await new Promise((done) => setTimeout(done, TTL_MS * 1.5));
  expect(store.liveness.sinceBeatMs("owner-5")).toBeLessThan(TTL_MS);
  await sql.query("alter table slowwave.owners rename to owners_away");
  await new Promise((done) => setTimeout(done, TTL_MS * 1.5));
  expect(store.liveness.sinceBeatMs("owner-5")).toBeGreaterThan(TTL_MS);
  await sql.query("alter table slowwave.owners_away rename to owners");
  await new Promise((done) => setTimeout(done, TTL_MS));
  expect(store.liveness.sinceBeatMs("owner-5")).toBeLessThan(TTL_MS);
});

describe.runIf(hasPgbouncer())("behind a pooler in transaction mode", () => {
  test("there are no sessions: death shows when the time to live is over, and signals are seen by looking", async () => {
    const url = (await sharedPgbouncer(15))(database.name);
    const child = await ownerProcess("owner-6", TTL_MS, url);
    const observer = await open(TTL_MS, url);
    await observer.liveness.register("observer-6");
    await new Promise((done) => setTimeout(done, TTL_MS * 1.2));
    expect(await observer.liveness.probe("owner-6")).toBe("alive");
    const { rows } = await sql.query("select pid from slowwave.owners where id = 'owner-6'");
    expect(rows).toEqual([{ pid: null }]);
    child.kill("SIGKILL");
    expect((await verdictAfter(observer, "owner-6", "alive")).verdict).toBe("dead");
  });
});
