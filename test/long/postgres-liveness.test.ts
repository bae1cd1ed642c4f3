import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Client } from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Store } from "../../src/domain/ports.ts";
import { openPostgresStore } from "../../src/persistence/postgres/index.ts";
import { type HeldLine, holdLine } from "../postgres/held-line.ts";
import { hasPgbouncer } from "../postgres/pgbouncer.ts";
import { type Database, freshDatabase, sharedCluster, sharedPgbouncer } from "../postgres/run.ts";

const TTL_MS = 1_500;
const CHILD = fileURLToPath(new URL("../postgres/store.child.ts", import.meta.url));

let database: Database;
let sql: Client;
const stores: Store[] = [];
const children: ChildProcess[] = [];
const lines: HeldLine[] = [];

beforeAll(async () => {
  database = await freshDatabase(await sharedCluster(15));
  sql = new Client({ connectionString: database.url });
  await sql.connect();
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  for (const line of lines.splice(0)) line.close();
  await Promise.all(stores.splice(0).map((store) => store.close()));
});
afterAll(async () => {
  await sql.end();
  await database.drop();
});

async function open(ownerTtlMs = TTL_MS, url = database.url, patienceMs = 60_000): Promise<Store> {
  const store = await openPostgresStore({ url, ownerTtlMs, patienceMs });
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

async function openLine(): Promise<HeldLine> {
  const line = await holdLine(database.url);
  lines.push(line);
  return line;
}

/** One whose beats have gone through for long enough that it may judge. */
async function calmObserver(name: string, ttlMs = TTL_MS): Promise<Store> {
  const store = await open(ttlMs);
  await store.liveness.register(name);
  await new Promise((done) => setTimeout(done, ttlMs * 1.2));
  return store;
}

async function untilAge(store: Store, owner: string, isSo: (ageMs: number) => boolean): Promise<void> {
  await expect
    .poll(() => isSo(store.liveness.sinceBeatMs(owner)), { timeout: 20_000, interval: 5 })
    .toBe(true);
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
  await verdictAfter(observer, "owner-1", "alive");
  const { verdict, afterMs } = await verdictAfter(observer, "owner-1", "unknown");
  expect(verdict).toBe("dead");
  expect(afterMs).toBeGreaterThan(TTL_MS * 0.9);
});

test("a killed process is dead when its time is over, and no sooner", async () => {
  const child = await ownerProcess("owner-2");
  const observer = await calmObserver("observer-2");
  expect(await observer.liveness.probe("owner-2")).toBe("alive");
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(await observer.liveness.probe("owner-2")).toBe("alive");
  const { rows } = await sql.query("select expires_at from slowwave.owners where id = 'owner-2'");
  expect((await verdictAfter(observer, "owner-2", "alive")).verdict).toBe("dead");
  expect(await observer.nowMs()).toBeGreaterThanOrEqual(Number(rows[0].expires_at));
});

describe("an owner that lives and is cut off", () => {
  test("is not dead before it knows for a whole time to live, although its sessions ended with the cut", async () => {
    const line = await openLine();
    const owner = await open(TTL_MS, line.url, 500);
    await owner.liveness.register("owner-7");
    const observer = await calmObserver("observer-7");
    line.loseServer();
    expect((await verdictAfter(observer, "owner-7", "alive")).verdict).toBe("dead");
    expect(owner.liveness.sinceBeatMs("owner-7")).toBeGreaterThanOrEqual(TTL_MS);
  });

  test("is not dead when a beat of before arrives long after it came back, on a session that ends with it", async () => {
    // Between two beats there is time to see that a session is gone, and to see it again a second later.
    const ttlMs = 6_000;
    const line = await openLine();
    const owner = await open(ttlMs, line.url, 500);
    await owner.liveness.register("owner-8");
    const observer = await calmObserver("observer-8", ttlMs);
    line.hold();
    await untilAge(owner, "owner-8", (ageMs) => ageMs > ttlMs);
    line.mend();
    await untilAge(owner, "owner-8", (ageMs) => ageMs < ttlMs / 3);
    line.deliver();
    // What is said of it while it is renewed as it should be.
    const verdicts = new Set<string>();
    for (let beats = 0, before = 0; beats < 3; ) {
      const ageMs = owner.liveness.sinceBeatMs("owner-8");
      if (ageMs < before) beats += 1;
      before = ageMs;
      const verdict = await observer.liveness.probe("owner-8");
      if (owner.liveness.sinceBeatMs("owner-8") < ttlMs) verdicts.add(verdict);
      await new Promise((done) => setTimeout(done, 10));
    }
    expect(verdicts).not.toContain("dead");
    expect(verdicts).toContain("alive");
  });

  test("learns at its next beat that others took it for dead, and lives again a beat later", async () => {
    const owner = await open();
    await owner.liveness.register("owner-9");
    await sql.query("delete from slowwave.owners where id = 'owner-9'");
    await untilAge(owner, "owner-9", (ageMs) => ageMs === Number.POSITIVE_INFINITY);
    const observer = await open();
    expect(await observer.liveness.probe("owner-9")).toBe("dead");
    await untilAge(owner, "owner-9", Number.isFinite);
    expect(await observer.liveness.probe("owner-9")).toBe("alive");
  });

  test("is not renewed under the id by which another process registered meanwhile", async () => {
    const owner = await open();
    await owner.liveness.register("owner-10");
    await sql.query("delete from slowwave.owners where id = 'owner-10'");
    const other = await open();
    await other.liveness.register("owner-10");
    await untilAge(owner, "owner-10", (ageMs) => ageMs === Number.POSITIVE_INFINITY);
    const beganMs = performance.now();
    await untilAge(other, "owner-10", () => performance.now() - beganMs > TTL_MS);
    expect(owner.liveness.sinceBeatMs("owner-10")).toBe(Number.POSITIVE_INFINITY);
    expect(other.liveness.sinceBeatMs("owner-10")).toBeLessThan(TTL_MS);
  });
});

test("the places that a dead worker was given are free as soon as it is known to be dead", async () => {
  const child = await ownerProcess("owner-11");
  const observer = await calmObserver("observer-11");
  const terms = { limits: { fleet: 1, tenant: null }, successCooldownSeconds: 0, retries: 3, nowMs: 0 };
  for (const space of ["acme/a", "acme/b"]) await observer.jobs.enqueue(space, 100);
  const ofChild = await observer.admissions.admit({ ...terms, worker: "owner-11", count: 1 });
  expect(ofChild.admitted).toEqual([{ space: "acme/a", tenant: "acme" }]);
  const admitted = async () =>
    (await observer.admissions.admit({ ...terms, worker: "observer-11", count: 2 })).admitted;
  expect(await admitted()).toEqual([]);
  child.kill("SIGKILL");
  await expect.poll(admitted, { timeout: 20_000 }).toEqual([{ space: "acme/a", tenant: "acme" }]);
  const { rows } = await sql.query("select id from slowwave.owners where id = 'owner-11'");
  expect(rows).toEqual([]);
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
    await sql.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'slowwave'",
    );
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
  expect(store.liveness.sinceBeatMs("owner-5")).toBe(0);
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
  test("death shows when the time to live is over", async () => {
    const url = (await sharedPgbouncer(15))(database.name);
    const child = await ownerProcess("owner-6", TTL_MS, url);
    const observer = await open(TTL_MS, url);
    await observer.liveness.register("observer-6");
    await new Promise((done) => setTimeout(done, TTL_MS * 1.2));
    expect(await observer.liveness.probe("owner-6")).toBe("alive");
    child.kill("SIGKILL");
    expect((await verdictAfter(observer, "owner-6", "alive")).verdict).toBe("dead");
  });
});
