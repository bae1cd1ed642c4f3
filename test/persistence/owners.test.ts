import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";
import { storeProcess } from "../contract/process.ts";
import { freshFolder } from "./folder.ts";

const folder = freshFolder();
const path = () => folder.file("slowwave.db");

test("owners live beside the database, or where they are told to", async () => {
  const beside = await openSqliteStore({ path: path() });
  const elsewhere = await openSqliteStore({ path: path(), ownersDir: folder.file("elsewhere") });
  await beside.liveness.register("one");
  await elsewhere.liveness.register("two");
  expect(readdirSync(folder.file("owners"))).toContain("one.db");
  expect(readdirSync(folder.file("elsewhere"))).toContain("two.db");
  // One database knows both, wherever their locks are.
  expect([await beside.liveness.probe("two"), await elsewhere.liveness.probe("one")]).toEqual([
    "alive",
    "alive",
  ]);
  await beside.close();
  await elsewhere.close();
  expect(readdirSync(folder.file("owners"))).toEqual([]);
});

test("what is no lock of ours tells nothing about its owner", async () => {
  const store = await openSqliteStore({ path: path() });
  mkdirSync(folder.file("owners/folder.db"), { recursive: true });
  writeFileSync(
    folder.file("owners/garbage.db"),
    "not a database at all, but long enough for one".repeat(20),
  );
  expect(await store.liveness.probe("garbage")).toBe("unknown");
  expect(await store.liveness.probe("folder")).toBe("unknown");
  await store.close();
});

test("no two names meet in one file, on a file system without case either", async () => {
  const store = await openSqliteStore({ path: path() });
  const names = ["root", "Root", "ROOT", "../root", "_root", "root.db", "r\u00f6ot", "ro\u0308ot"];
  for (const name of names) expect(await store.locks.lock(name)).not.toBeNull();
  const files = readdirSync(folder.file("owners/locks")).map((file) => file.toLowerCase());
  // And the gate.
  expect(new Set(files).size).toBe(names.length + 1);
  await store.close();
});

test("someone else looking at a dead owner at the same moment is not taken for it", async () => {
  const store = await openSqliteStore({ path: path() });
  mkdirSync(folder.file("owners"));
  writeFileSync(folder.file("owners/gone.db"), "");
  const looking = new Database(folder.file("owners/gone.db"));
  looking.exec("begin");
  looking.prepare("select 1 from sqlite_schema").get();
  expect(await store.liveness.probe("gone")).toBe("dead");
  looking.close();
  await store.close();
});

test("an owner lives on in the eyes of others when its process reads the files of its home, or loses them", async () => {
  const store = await openSqliteStore({ path: path() });
  const { unregister } = await store.liveness.register("host");
  const lock = await store.locks.lock("root");
  const other = await storeProcess();
  const theirs = await other.open({ path: path() });
  // Closing any descriptor of a file drops every lock that the process holds on it.
  for (const file of ["owners/host.db", "owners/locks/root.db"]) readFileSync(folder.file(file));
  expect([await theirs.liveness.probe("host"), await theirs.locks.lock("root")]).toEqual(["alive", null]);
  rmSync(folder.file("owners"), { recursive: true });
  expect([await theirs.liveness.probe("host"), await theirs.locks.lock("root")]).toEqual(["alive", null]);
  await unregister();
  await lock?.unlock();
  expect(await theirs.liveness.probe("host")).toBe("dead");
  expect(await theirs.locks.lock("root")).not.toBeNull();
  await other.kill();
  await store.close();
});

test("a process that was killed after its lock was dropped is dead", async () => {
  const store = await openSqliteStore({ path: path() });
  const other = await storeProcess();
  const theirs = await other.open({ path: path() });
  await theirs.liveness.register("killed");
  await theirs.locks.lock("root");
  rmSync(folder.file("owners"), { recursive: true });
  expect(await store.liveness.probe("killed")).toBe("alive");
  await other.kill();
  expect(await store.liveness.probe("killed")).toBe("dead");
  expect(await store.locks.lock("root")).not.toBeNull();
  await store.close();
});

test("a second copy of the package in this process does not free what the first one holds", async () => {
  const store = await openSqliteStore({ path: path() });
  await store.liveness.register("ours");
  const second = (await import(copyOfThePackage())) as { openSqliteStore: typeof openSqliteStore };
  const copy = await second.openSqliteStore({
    path: folder.file("other.db"),
    ownersDir: folder.file("owners"),
  });
  expect(await copy.liveness.probe("ours")).toBe("alive");
  await copy.close();
  // The kernel's word: another process asks it for the lock.
  const other = await storeProcess();
  const theirs = await other.open({ path: path() });
  expect(await theirs.liveness.probe("ours")).toBe("alive");
  await other.kill();
  await store.close();
});

/** With a driver of its own: two of them in one process know nothing of each other's locks. */
function copyOfThePackage(): string {
  const source = fileURLToPath(new URL("../../src", import.meta.url));
  const driver = dirname(fileURLToPath(import.meta.resolve("better-sqlite3/package.json")));
  for (const part of ["domain", "persistence", "process", "text", "import"]) {
    cpSync(join(source, part), folder.file(`copy/src/${part}`), { recursive: true });
  }
  for (const part of ["package.json", "lib", "prebuilds"]) {
    cpSync(join(driver, part), folder.file(`copy/node_modules/better-sqlite3/${part}`), { recursive: true });
  }
  writeFileSync(folder.file("copy/package.json"), '{ "type": "module" }');
  return pathToFileURL(folder.file("copy/src/persistence/sqlite/index.ts")).href;
}
