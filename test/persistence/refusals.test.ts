import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { checkLocation, demandNode } from "../../src/persistence/sqlite/connect.ts";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";
import { storeProcess } from "../contract/process.ts";
import { freshFolder, reachableByAll } from "./folder.ts";

const folder = freshFolder(reachableByAll());

/** The whole refusal: a code to tell apart, a sentence that says what to do, and whether the cause was kept. */
async function refusalOf(opening: Promise<unknown>) {
  const error = await opening.then(
    () => null,
    (reason: unknown) => reason as Error & { code: string },
  );
  return { code: error?.code, message: error?.message, hasCause: error?.cause !== undefined };
}

const path = () => folder.file("slowwave.db");
const opening = (patienceMs = 100) => openSqliteStore({ path: path(), patienceMs });

describe("what is not a place for a database", () => {
  test("a folder that does not exist", async () => {
    const lost = folder.file("nowhere/slowwave.db");
    expect(await refusalOf(openSqliteStore({ path: lost }))).toEqual({
      code: "store_directory_missing",
      message: `state db unavailable: there is no folder for ${lost}; create it or choose another home.`,
      hasCause: false,
    });
  });

  test("a folder that is a file", async () => {
    writeFileSync(folder.file("file"), "");
    const refusal = await refusalOf(openSqliteStore({ path: folder.file("file/slowwave.db") }));
    expect(refusal.code).toBe("store_directory_missing");
  });

  test.each([
    ["NFS", 0x6969],
    ["SMB", 0x517b],
    ["SMB2", 0xfe534d42],
    ["CIFS", 0xff534d42],
    ["Ceph", 0x00c36400],
    ["AFS", 0x5346414f],
    ["FUSE and virtiofs", 0x65735546],
    ["9p", 0x01021997],
  ])("a network file system: %s", async (_, type) => {
    expect(await refusalOf(checkLocation(path(), async () => type))).toEqual({
      code: "store_network_fs",
      message: `state db unavailable: ${path()} is on a network file system, where locks cannot be trusted; choose a home on a local disk.`,
      hasCause: false,
    });
  });

  test.each(["20.19.2", "22.13.1", "18.0.0"])(
    "Node %s, on which the driver would end the process",
    (version) => {
      expect(() => demandNode(version)).toThrow(
        expect.objectContaining({
          code: "node_too_old",
          message: `slowwave/sqlite needs Node 22.14 or newer, and this is ${version}; install a newer Node and try again.`,
        }),
      );
      expect(() => demandNode("22.14.0")).not.toThrow();
      expect(() => demandNode("24.0.1")).not.toThrow();
    },
  );

  test("a local file system and a path yet to be filled are fine", async () => {
    await expect(checkLocation(path(), async () => 0xef53)).resolves.toBeUndefined();
  });

  test("a path that is a folder", async () => {
    mkdirSync(path());
    expect(await refusalOf(opening())).toEqual({
      code: "store_unavailable",
      message: `state db unavailable: ${path()} cannot be opened or read; see the cause, and check the path, its permissions and the disk.`,
      hasCause: true,
    });
  });
});

describe("what may not be written", () => {
  async function refusedToNobody() {
    const nobody = await storeProcess({ asNobody: true });
    const refusal = await refusalOf(nobody.open({ path: path(), patienceMs: 100 }));
    await nobody.kill();
    return refusal;
  }
  const readOnly = () => ({
    code: "store_read_only",
    message: `state db unavailable: ${path()} or its folder cannot be written; change its permissions or choose another home.`,
    hasCause: false,
  });

  test("a file", async () => {
    await (await opening()).close();
    chmodSync(folder.path, 0o777);
    chmodSync(path(), 0o444);
    expect(await refusedToNobody()).toEqual(readOnly());
  });

  test("a folder, with a database in it or without", async () => {
    chmodSync(folder.path, 0o555);
    expect(await refusedToNobody()).toEqual(readOnly());
    await (await opening()).close();
    chmodSync(path(), 0o666);
    expect(await refusedToNobody()).toEqual(readOnly());
    chmodSync(folder.path, 0o755);
  });
});

describe("what is not ours", () => {
  const foreign = () => ({
    code: "store_foreign",
    message: `state db unavailable: ${path()} belongs to another program and was left untouched; choose another home.`,
    hasCause: false,
  });

  test("another program's tables, which are left byte for byte, with no file beside them", async () => {
    inDatabase((db) => db.exec("create table jobs (kind text); insert into jobs values ('x')"));
    const before = readFileSync(path());
    expect(await refusalOf(opening())).toEqual(foreign());
    expect(readFileSync(path())).toEqual(before);
    expect(readdirSync(folder.path)).toEqual(["slowwave.db"]);
  });

  test("another program's mark, without any table, or with a version of its own", async () => {
    inDatabase((db) => db.pragma("application_id = 77"));
    expect(await refusalOf(opening())).toEqual(foreign());
    inDatabase((db) => {
      db.pragma("application_id = 0");
      db.pragma("user_version = 4");
    });
    expect(await refusalOf(opening())).toEqual(foreign());
  });

  test("another program's database in use, whose log stays its own", async () => {
    const theirs = new Database(path());
    theirs.pragma("journal_mode = wal");
    theirs.exec("create table t (x); insert into t values (1)");
    expect(await refusalOf(opening())).toEqual(foreign());
    theirs.exec("insert into t values (2)");
    expect(theirs.prepare("select count(*) from t").pluck().get()).toBe(2);
    expect(existsSync(`${path()}-wal`)).toBe(true);
    theirs.close();
  });

  test("a file that is no database", async () => {
    writeFileSync(path(), "these are my notes, and not a database at all\n".repeat(200));
    expect(await refusalOf(opening())).toEqual({
      code: "store_not_a_database",
      message: `state db unavailable: ${path()} is not an SQLite database; move it away or choose another home.`,
      hasCause: true,
    });
  });

  test("an empty file is nobody's and becomes ours", async () => {
    writeFileSync(path(), "");
    const store = await opening();
    expect(await store.jobs.list({ limit: 1_000_000 })).toEqual([]);
    await store.close();
  });
});

describe("what is ours and cannot be used", () => {
  test("a newer schema, which is left as it is", async () => {
    await (await opening()).close();
    inDatabase((db) => db.pragma("user_version = 999"));
    expect(await refusalOf(opening())).toEqual({
      code: "store_newer",
      message: `state db unavailable: ${path()} was written by a newer Slowwave; update this one.`,
      hasCause: false,
    });
    inDatabase((db) => expect(db.pragma("user_version", { simple: true })).toBe(999));
  });

  const corrupt = () => ({
    code: "store_corrupt",
    message: `state db unavailable: ${path()} is damaged; move it and its -wal and -shm files away and restore a backup.`,
    hasCause: true,
  });

  test("a page of garbage in the middle", async () => {
    await (await opening()).close();
    const bytes = readFileSync(path());
    bytes.fill(0xa5, 3 * 4096, 5 * 4096);
    writeFileSync(path(), bytes);
    expect(await refusalOf(opening())).toEqual(corrupt());
  });

  test("a file cut short", async () => {
    await (await opening()).close();
    truncateSync(path(), 2 * 4096);
    expect(await refusalOf(opening())).toEqual(corrupt());
  });

  test("our mark and version without our tables", async () => {
    await (await opening()).close();
    inDatabase((db) => db.exec("drop table journal"));
    expect(await refusalOf(opening())).toEqual(corrupt());
  });

  test("damage that shows only in use has the same code", async () => {
    const store = await opening();
    await store.jobs.enqueue("global", 1);
    inDatabase((db) => {
      db.unsafeMode();
      db.pragma("writable_schema = on");
      db.exec("update sqlite_schema set rootpage = 9999 where name = 'jobs'");
      // Others read the schema again.
      db.pragma("schema_version = 12345");
    });
    const refusal = await refusalOf(store.jobs.read("global"));
    expect(refusal).toEqual(corrupt());
    await store.close();
  });

  test("a database another process keeps locked longer than we wait", async () => {
    await (await opening()).close();
    const theirs = new Database(path());
    theirs.pragma("journal_mode = delete");
    theirs.exec("begin exclusive");
    expect(await refusalOf(opening(60))).toEqual({
      code: "store_busy",
      message: `The database ${path()} stayed locked by another process; try again, or end the process that holds it.`,
      hasCause: true,
    });
    theirs.close();
    await (await opening(5000)).close();
  });
});

function inDatabase(change: (db: Database.Database) => unknown): void {
  const db = new Database(path());
  change(db);
  db.close();
}
