import { execFileSync } from "node:child_process";
import { inspect } from "node:util";
import { Client } from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Store } from "../../src/domain/ports.ts";
import { openPostgresStore, type PostgresStoreOptions } from "../../src/persistence/postgres/index.ts";
import { MIGRATIONS } from "../../src/persistence/postgres/migrations/index.ts";
import { claimedLease, commitOf, newRun, output } from "../../src/testing/store/given.ts";
import { type Database, freshDatabase, sharedCluster } from "../postgres/run.ts";

let database: Database;
let sql: Client;
let schema: string;
let schemas = 0;

beforeAll(async () => {
  database = await freshDatabase(await sharedCluster(15));
  sql = new Client({ connectionString: database.url });
  await sql.connect();
});
afterAll(async () => {
  await sql.end();
  await database.drop();
});
beforeEach(() => {
  schemas += 1;
  schema = `open_${schemas}`;
});

function open(some: PostgresStoreOptions & { migrations?: readonly string[] } = {}): Promise<Store> {
  return openPostgresStore({ url: database.url, schema, patienceMs: 2_000, ...some });
}

describe("the address", () => {
  const SECRET = "hunter2-und-mehr";

  test.each([
    ["that is none", `postgres://user:${SECRET}@[bad/db`],
    ["of another program", `mysql://user:${SECRET}@host/db`],
    ["of several hosts", `postgres://user:${SECRET}@one,two/db`],
    ["where nobody listens", `postgres://user:${SECRET}@127.0.0.1:1/db?application_name=${SECRET}`],
    ["of a host that is none", `postgres://user:${SECRET}@host.invalid/db`],
  ])("%s is refused, and its password is nowhere in the error", async (_, url) => {
    const error: unknown = await openPostgresStore({ url, patienceMs: 0 }).catch(
      (failure: unknown) => failure,
    );
    expect(error).toMatchObject({ code: expect.stringMatching(/^store_(url_invalid|unavailable)$/) });
    expect(
      `${inspect(error, { depth: 9, showHidden: true })} ${String(error)} ${JSON.stringify(error)}`,
    ).not.toContain(SECRET);
  });

  test("with a password opens a store that does not show it", async () => {
    const url = database.url.replace("slowwave@", `slowwave:${SECRET}@`);
    const store = await open({ url: url.includes(SECRET) ? url : `${url}&password=${SECRET}` });
    expect(inspect(store, { depth: 9, showHidden: true }) + JSON.stringify(store)).not.toContain(SECRET);
    await sql.query(`drop table "${schema}".jobs cascade`);
    const error: unknown = await store.jobs.read("global").catch((failure: unknown) => failure);
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(SECRET);
    await store.close();
  });

  test("is needed, or a pool", async () => {
    await expect(openPostgresStore({})).rejects.toMatchObject({ code: "store_url_invalid" });
  });

  test("without the package pg is refused by name, with what to install", () => {
    const hidden = `
      import { registerHooks } from "node:module";
      registerHooks({ resolve: (name, context, next) => {
        if (name === "pg") throw Object.assign(new Error("Cannot find package"), { code: "ERR_MODULE_NOT_FOUND" });
        return next(name, context);
      } });
      const { openPostgresStore } = await import("./src/persistence/postgres/index.ts");
      await openPostgresStore({ url: "postgres://u@h/d" }).catch(({ code, message }) => console.log(code, message));`;
    const args = ["--experimental-strip-types", "--no-warnings", "--input-type=module", "-e", hidden];
    const printed = execFileSync(process.execPath, args, { encoding: "utf8" });
    expect(printed).toMatch(/^postgres_driver_missing .*npm install pg/);
  });
});

describe("the schema", () => {
  test("is made once by five that open at once, under whatever name", async () => {
    schema = `"; drop schema public cascade; -- é`;
    const stores = await Promise.all(Array.from({ length: 5 }, () => open()));
    await stores[0]?.jobs.enqueue("global", 100);
    expect((await stores[4]?.jobs.read("global"))?.input_watermark).toBe(100);
    await Promise.all(stores.map((store) => store.close()));
    const { rows } = await sql.query("select 1 from pg_namespace where nspname in ('public', $1)", [schema]);
    expect(rows.length).toBe(2);
  });

  test.each(["", "pg_mine", "x".repeat(64), "a\nb"])("named %j is refused", async (name) => {
    await expect(open({ schema: name })).rejects.toMatchObject({ code: "store_url_invalid" });
  });

  test("of another program is left as it is", async () => {
    await sql.query(`create schema ${schema}; create table ${schema}.jobs (theirs text)`);
    await expect(open()).rejects.toMatchObject({ code: "store_foreign" });
    const { rows } = await sql.query("select tablename from pg_tables where schemaname = $1", [schema]);
    expect(rows).toEqual([{ tablename: "jobs" }]);
  });

  test("that is missing or old is refused where it may only be checked", async () => {
    await expect(open({ migrate: "check" })).rejects.toMatchObject({ code: "store_outdated" });
    const { rows } = await sql.query("select 1 from pg_namespace where nspname = $1", [schema]);
    expect(rows).toEqual([]);
    await (await open()).close();
    await (await open({ migrate: "check" })).close();
    const next = [...MIGRATIONS, NEXT];
    await expect(open({ migrate: "check", migrations: next })).rejects.toMatchObject({
      code: "store_outdated",
    });
  });

  test("of the next version is used by this one and that one side by side; of the one after it by neither", async () => {
    const old = await open();
    const lease = await claimedLease(old);
    await old.runs.create(newRun(), commitOf(0));
    const fresh = await open({ migrations: [...MIGRATIONS, NEXT] });
    // The old one goes on where it was, and another of its version still opens.
    expect(await old.runs.commit(commitOf(1))).toBe("ok");
    expect(await old.jobs.succeed({ lease, watermark: 100, nowMs: Date.now() })).toBe("applied");
    const another = await open();
    expect(await another.memories.upsert("global", [output("one")])).toMatchObject({ imported: 1 });
    expect((await fresh.runs.read("run-1"))?.sequence).toBe(1);
    expect(await fresh.memories.count("global")).toBe(1);
    await Promise.all([old, fresh, another].map((store) => store.close()));
    const newest = await open({
      migrations: [...MIGRATIONS, NEXT, "create table slowwave.more_new (id bigint)"],
    });
    await newest.close();
    await expect(open()).rejects.toMatchObject({ code: "store_newer" });
  });

  test("in which a migration fails is left as it was", async () => {
    await (await open()).close();
    const broken = open({ migrations: [...MIGRATIONS, `${NEXT}; select 1 / 0`] });
    await expect(broken).rejects.toMatchObject({ code: "store_rejected" });
    const { rows } = await sql.query(`select max(version) as version from ${schema}.schema_versions`);
    expect(rows).toEqual([{ version: MIGRATIONS.length }]);
    const { rows: tables } = await sql.query(
      "select 1 from pg_tables where tablename = 'next_version' and schemaname = $1",
      [schema],
    );
    expect(tables).toEqual([]);
  });

  const NEXT = `alter table slowwave.jobs add column colour text not null default 'green';
    create table slowwave.next_version (id bigint)`;
});

describe("what a caller names", () => {
  const EVIL = "x'; drop schema public cascade; --\" $1 \\' \u{1f600}";

  test("is a value and never SQL, wherever it goes", async () => {
    const store = await open();
    const lease = await claimedLease(store, { space: EVIL, worker: EVIL, token: EVIL });
    await store.runs.create(newRun({ id: EVIL, space: EVIL, owner: EVIL }), commitOf(0, { run: EVIL }));
    await store.runs.signal({ run: EVIL, key: EVIL, event: JSON.stringify(EVIL), nowMs: 1 });
    await store.liveness.register(EVIL);
    await store.sessions.exclude(EVIL, 1);
    expect(await store.jobs.renew([lease], { leaseSeconds: 60, nowMs: 1 })).toEqual({ lost: [] });
    const listed = await store.runs.list({
      space: EVIL,
      machines: ["phase2", EVIL],
      statuses: [EVIL],
      limit: 9,
    });
    expect(listed).toEqual([]);
    expect(await store.jobs.list({ limit: 9, lastError: EVIL, status: EVIL as never })).toEqual([]);
    expect((await store.runs.inbox(EVIL)).signals.map(({ key }) => key)).toEqual([EVIL]);
    expect((await store.runs.read(EVIL))?.owner).toBe(EVIL);
    expect(await store.liveness.probe(EVIL)).toBe("alive");
    await store.close();
    const { rows } = await sql.query("select 1 from pg_namespace where nspname = 'public'");
    expect(rows.length).toBe(1);
  });

  test("may hold characters that a text column can't, and stays apart from what looks like it", async () => {
    const store = await open();
    const ids = ["a\0b", "a\u00100b", "a\u0010b", "a\u0010\u00100b", "a0b"];
    for (const [at, owner] of ids.entries())
      await store.runs.create(newRun({ id: `r${at}`, owner }), commitOf(0, { run: `r${at}` }));
    const kept = await store.runs.list({ limit: 9 });
    expect(kept.map(({ owner }) => owner).reverse()).toEqual(ids);
    await store.close();
  });
});
