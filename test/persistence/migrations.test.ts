import { readFileSync } from "node:fs";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";
import { APPLICATION_ID, MIGRATIONS, migrate } from "../../src/persistence/sqlite/migrations/index.ts";
import { freshFolder } from "./folder.ts";

const folder = freshFolder();
const path = () => folder.file("slowwave.db");

test("the schema is the one on file, so that a change of it shows in review", async () => {
  await (await openSqliteStore({ path: path() })).close();
  await expect(`${schemaOf(path())}\n`).toMatchFileSnapshot("schema.sql");
});

test("a new database is marked as ours, numbered, and logs its writes ahead", async () => {
  await (await openSqliteStore({ path: path() })).close();
  const db = new Database(path());
  expect(db.pragma("application_id", { simple: true })).toBe(APPLICATION_ID);
  expect(db.pragma("user_version", { simple: true })).toBe(MIGRATIONS.length);
  expect(db.pragma("journal_mode", { simple: true })).toBe("wal");
  db.close();
});

test("the two tables of the original have its columns, types, key and indexes", async () => {
  await (await openSqliteStore({ path: path() })).close();
  const db = new Database(path());
  const columns = (table: string) =>
    db
      .prepare<[string], { name: string; type: string; notnull: number }>(
        "select name, type, [notnull] from pragma_table_info(?)",
      )
      .all(table)
      .map(({ name, type, notnull }) => `${name} ${type}${notnull ? " not null" : ""}`);
  expect(columns("jobs").slice(0, 13)).toEqual([
    "kind TEXT not null",
    "job_key TEXT not null",
    "status TEXT not null",
    "worker_id TEXT",
    "ownership_token TEXT",
    "started_at INTEGER",
    "finished_at INTEGER",
    "lease_until INTEGER",
    "retry_at INTEGER",
    "retry_remaining INTEGER not null",
    "last_error TEXT",
    "input_watermark INTEGER",
    "last_success_watermark INTEGER",
  ]);
  expect(columns("stage1_outputs").slice(0, 6)).toEqual([
    "thread_id TEXT not null",
    "source_updated_at INTEGER not null",
    "raw_memory TEXT not null",
    "rollout_summary TEXT not null",
    "generated_at INTEGER not null",
    "rollout_slug TEXT",
  ]);
  const indexes = db
    .prepare("select name from sqlite_schema where name like 'idx_%' order by name")
    .pluck()
    .all();
  expect(indexes).toEqual(["idx_jobs_kind_status_retry_lease", "idx_stage1_outputs_source_updated_at"]);
  db.close();
});

test("a writer that knows only the original's columns can write both tables, and its rows are ours to use", async () => {
  const store = await openSqliteStore({ path: path() });
  const db = new Database(path());
  db.exec(`
    insert into stage1_outputs (thread_id, source_updated_at, raw_memory, rollout_summary, generated_at, rollout_slug)
    values ('t1', 50, 'raw', 'summary', 51, null);
    insert into jobs (kind, job_key, status, retry_remaining, input_watermark, last_success_watermark)
    values ('memory_consolidate_global', 'global', 'pending', 3, 50, 0);
    insert into jobs (kind, job_key, status, retry_remaining) values ('memory_stage1', 't1', 'done', 3);`);
  db.close();
  expect((await store.memories.select("global", 9)).map(({ threadId }) => threadId)).toEqual(["t1"]);
  expect((await store.jobs.list({ limit: 1_000_000 })).map(({ job_key, fence }) => [job_key, fence])).toEqual(
    [["global", 0]],
  );
  await store.close();
});

test("rows that another program writes are held to the rules of the import: cleaned, or set aside by name", async () => {
  const store = await openSqliteStore({ path: path() });
  const row = { sourceUpdatedAt: 50, rawMemory: "ours", rolloutSummary: "ours", generatedAt: 50 };
  await store.memories.upsert("global", [{ ...row, threadId: "ours" }]);
  const db = new Database(path());
  db.exec(`
    insert into stage1_outputs (thread_id, source_updated_at, raw_memory, rollout_summary, generated_at) values
      ('secret', 40, 'password=hunter2hunter2' || char(13, 10, 27), 'summary', 40),
      ('text time', '2026-01-01T00:00:00Z', 'raw', 'summary', 40),
      ('milliseconds', 1774212000000, 'raw', 'summary', 40),
      ('../../evil', 40, 'raw', 'summary', 40),
      ('nul', 40, 'a' || char(0) || 'b', 'summary', 40),
      ('blank', 40, char(9, 133, 12288), '', 40);
    update stage1_outputs set cwd = '/x' || char(10) || 'thread_id: forged' where thread_id = 'ours';`);
  const clean = { rolloutSlug: null, rolloutPath: "", cwd: "", gitBranch: null };
  const secret = { ...clean, threadId: "secret", sourceUpdatedAt: 40, generatedAt: 40 };
  expect(await store.memories.count("global")).toBe(1);
  expect(await store.memories.select("global", 9)).toEqual([
    { ...secret, rawMemory: "password=[REDACTED_SECRET]\n\ufffd", rolloutSummary: "summary" },
  ]);
  expect((await store.memories.setAside("global")).map(({ threadId, code }) => [threadId, code])).toEqual([
    ["text time", "wrong_type"],
    ["milliseconds", "time_out_of_range"],
    ["ours", "line_break"],
    ["nul", "nul"],
    ["../../evil", "unsafe_thread_id"],
  ]);
  expect(
    db.prepare("select raw_memory from stage1_outputs where thread_id = 'secret'").pluck().get(),
  ).not.toContain("hunter2");
  db.exec("update stage1_outputs set raw_memory = 'refilled' where thread_id = 'blank'");
  expect((await store.memories.select("global", 1)).map(({ threadId }) => threadId)).toEqual(["secret"]);
  expect((await store.memories.select("global", 9)).map(({ threadId }) => threadId)).toEqual([
    "secret",
    "blank",
  ]);
  // A record of ours replaces what another program spoiled.
  expect(await store.memories.upsert("global", [{ ...row, threadId: "milliseconds" }])).toMatchObject({
    updated: 1,
  });
  expect(await store.memories.removeSetAside("global")).toBe(4);
  expect(await store.memories.count("global")).toBe(3);
  db.close();
  await store.close();
});

test("no id of a purged thread stands in the database", async () => {
  const store = await openSqliteStore({ path: path() });
  await store.memories.refuse("a-thread-that-nobody-may-name", null);
  await store.close();
  expect(readFileSync(path()).includes("a-thread-that-nobody-may-name")).toBe(false);
});

test("opening again changes nothing and finds everything", async () => {
  const first = await openSqliteStore({ path: path() });
  await first.jobs.enqueue("global", 5);
  await first.close();
  const schema = schemaOf(path());
  const second = await openSqliteStore({ path: path() });
  expect((await second.jobs.read("global"))?.input_watermark).toBe(5);
  await second.close();
  expect(schemaOf(path())).toBe(schema);
});

test("runs of the second schema keep their log, its ids and their open intents", async () => {
  const db = new Database(path());
  for (const sql of MIGRATIONS.slice(0, 2)) db.exec(sql);
  db.pragma(`application_id = ${APPLICATION_ID}`);
  db.pragma("user_version = 2");
  db.exec(`
    insert into runs (id, space, machine, version, hash, state, sequence, fence, owner, snapshot, created_at, updated_at)
    values ('r1', 'global', 'm', '1', 'h', 'active', 1, 0, 'o', '{}', 1, 2);
    insert into events values (3, 'r1', 0, 1, 'xstate.init', 'a', '{}'), (7, 'r1', null, 1, 'note', null, '1'),
      (9, 'r1', 1, 2, 'go', 'b', '{}');
    insert into intents values ('r1/0/x', 'r1', 'x', 'start', 'x', '"it''s"', null, 0, 0, 1),
      ('r1/1/b', 'r1', 'b', 'timer', 'timer', '{}', 5, 1, 0, null),
      ('r1/1/a', 'r1', 'a', 'start', 'a', 'null', null, 1, 1, null);`);
  db.close();
  const store = await openSqliteStore({ path: path() });
  expect((await store.runs.log({ after: 0, limit: 9 })).map(({ id, type }) => [id, type])).toEqual([
    [3, "xstate.init"],
    [7, "note"],
    [9, "go"],
  ]);
  const open = [
    { key: "r1/1/b", run: "r1", child: "b", kind: "timer", src: "timer", input: "{}", dueAtMs: 5 },
    { key: "r1/1/a", run: "r1", child: "a", kind: "start", src: "a", input: "null", dueAtMs: null },
  ];
  expect(await store.runs.openIntents("r1")).toEqual(open);
  expect(await store.runs.note("r1", { atMs: 3, type: "note", data: null })).toBe(10);
  await store.close();
});

test("a migration that fails leaves the database as it was", () => {
  const db = new Database(path());
  db.exec("create table journal (x)");
  // Of ours by its mark, at version 0: the first migration meets a table of that name and fails half-way.
  db.pragma(`application_id = ${APPLICATION_ID}`);
  const before = schemaOf(path());
  expect(() => migrate(db, path())).toThrow("already exists");
  expect(db.pragma("user_version", { simple: true })).toBe(0);
  db.close();
  expect(schemaOf(path())).toBe(before);
});

function schemaOf(file: string): string {
  const db = new Database(file, { readonly: true });
  const texts = db
    .prepare<[], string>("select sql from sqlite_schema where sql is not null order by name")
    .pluck();
  const schema = texts
    .all()
    .map((text) => `${text};`)
    .join("\n\n");
  db.close();
  return schema;
}
