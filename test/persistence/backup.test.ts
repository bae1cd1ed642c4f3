import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { backupDatabase, restoreDatabase } from "../../src/persistence/sqlite/backup.ts";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";
import { MIGRATIONS } from "../../src/persistence/sqlite/migrations/index.ts";
import { output } from "../../src/testing/store/given.ts";
import { storeProcess } from "../contract/process.ts";
import { freshFolder } from "./folder.ts";

const folder = freshFolder();
const path = () => folder.file("slowwave.db");
const copy = () => folder.file("copy.db");
const request = () => ({ database: path(), file: copy(), homeId: "home-1", nowMs: 1 });
const restoring = () => ({ file: copy(), database: path(), keptAs: "former.db" });

/** The threads of a database that nobody has open. */
async function threadsIn(database: string): Promise<readonly string[]> {
  const store = await openSqliteStore({ path: database });
  const outputs = await store.memories.select("global", 9);
  await store.close();
  return outputs.map(({ threadId }) => threadId);
}

test("a backup of a database that others write to is whole, private, and brings back what it held", async () => {
  const store = await openSqliteStore({ path: path() });
  await store.memories.upsert("global", [output("one")]);
  const writing = Array.from({ length: 40 }, (_, n) => store.jobs.enqueue(`space-${n}`, n));
  const { bytes } = await backupDatabase(request());
  await Promise.all(writing);
  await store.memories.upsert("global", [output("two")]);
  await store.close();
  expect([bytes, statSync(copy()).mode & 0o777]).toEqual([statSync(copy()).size, 0o600]);
  expect(await restoreDatabase(restoring())).toEqual({ kept: folder.file("former.db"), homeId: "home-1" });
  expect(await threadsIn(path())).toEqual(["one"]);
  expect(await threadsIn(folder.file("former.db"))).toEqual(["two", "one"].sort().reverse());
  const db = new Database(path(), { readonly: true });
  expect(db.prepare("select name from sqlite_schema where name = 'backup_of'").all()).toEqual([]);
  db.close();
});

test("a backup never replaces a file", async () => {
  await (await openSqliteStore({ path: path() })).close();
  writeFileSync(copy(), "mine");
  await expect(backupDatabase(request())).rejects.toMatchObject({ code: "file_exists" });
  expect(readFileSync(copy(), "utf8")).toBe("mine");
});

test("a home in use is not restored, and stays as it is", async () => {
  const other = await storeProcess();
  const theirs = await other.open({ path: path() });
  await theirs.memories.upsert("global", [output("one")]);
  await backupDatabase(request());
  await theirs.memories.upsert("global", [output("two")]);
  await expect(restoreDatabase(restoring())).rejects.toMatchObject({ code: "home_in_use" });
  expect((await theirs.memories.select("global", 9)).length).toBe(2);
  await other.kill();
  expect((await restoreDatabase(restoring())).kept).toBe(folder.file("former.db"));
  expect(await threadsIn(path())).toEqual(["one"]);
});

test("a damaged database is kept as it is and replaced by its backup", async () => {
  const store = await openSqliteStore({ path: path() });
  await store.memories.upsert("global", [output("one")]);
  await store.close();
  await backupDatabase(request());
  writeFileSync(path(), "not a database at all, but long enough for one".repeat(200));
  await restoreDatabase(restoring());
  expect(await threadsIn(path())).toEqual(["one"]);
  expect(readFileSync(folder.file("former.db"), "utf8")).toContain("not a database");
});

test.each([
  ["that is not there", "backup_missing", () => {}],
  ["of another program", "store_foreign", () => new Database(copy()).exec("create table t (a)").close()],
  ["that is no database", "store_not_a_database", () => writeFileSync(copy(), "x".repeat(4096))],
])("a backup %s is refused, and nothing is changed", async (_, code, make) => {
  const store = await openSqliteStore({ path: path() });
  await store.memories.upsert("global", [output("one")]);
  await store.close();
  make();
  await expect(restoreDatabase(restoring())).rejects.toMatchObject({ code });
  expect(await threadsIn(path())).toEqual(["one"]);
  expect(existsSync(folder.file("former.db"))).toBe(false);
});

test("before a migration the database is kept as it was", async () => {
  const db = new Database(path());
  db.exec(MIGRATIONS[0] ?? "");
  db.pragma("application_id = 1397512022");
  db.pragma("user_version = 1");
  db.close();
  await (await openSqliteStore({ path: path() })).close();
  const kept = new Database(`${path()}.before-schema-${MIGRATIONS.length}-was-1`, { readonly: true });
  expect(kept.pragma("user_version", { simple: true })).toBe(1);
  kept.close();
});
