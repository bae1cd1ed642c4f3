import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { connect } from "../../src/persistence/sqlite/connect.ts";
import { storeOn } from "../../src/persistence/sqlite/store-on.ts";
import { GROUP_LIMIT, groupWriter, type Writer } from "../../src/persistence/sqlite/writer.ts";
import { commitOf, NOW_MS, newRun, output } from "../../src/testing/store/given.ts";
import { freshFolder } from "./folder.ts";

const folder = freshFolder();
let db: Database.Database;
let reader: Database.Database;
let statements: string[];
let writer: Writer;

beforeEach(() => {
  const path = folder.file("t.db");
  db = new Database(path, { timeout: 1, verbose: (sql) => void statements.push(String(sql)) });
  statements = [];
  db.pragma("journal_mode = wal");
  db.exec("create table t (x integer primary key, y text)");
  reader = new Database(path, { timeout: 1 });
  writer = groupWriter(db, { path, patienceMs: 60_000 });
  statements.length = 0;
});

afterEach(() => {
  db.close();
  reader.close();
});

const insert = (x: number) => () => {
  db.prepare("insert into t values (?, ?)").run(x, "y");
  return x;
};
const kept = () => reader.prepare("select x from t order by x").pluck().all();
const count = (word: string) => statements.filter((sql) => sql === word).length;

describe("one turn of the event loop", () => {
  test("is one commit, however many write, in the order they asked", async () => {
    const values = await Promise.all([5, 3, 4].map((x) => writer.write(insert(x))));
    expect(values).toEqual([5, 3, 4]);
    expect(statements.filter((sql) => !sql.startsWith("insert"))).toEqual([
      "begin immediate",
      ...Array.from({ length: 3 }, () => ["savepoint member", "release member"]).flat(),
      "commit",
    ]);
  });

  test("with one writer is a plain transaction without a savepoint", async () => {
    await writer.write(insert(1));
    expect(statements).toEqual(["begin immediate", "insert into t values (1.0, 'y')", "commit"]);
  });

  test("that follows is another commit", async () => {
    await writer.write(insert(1));
    await writer.write(insert(2));
    expect(count("commit")).toBe(2);
  });

  test("commits no more than the limit at once, by weight, and the rest in the next turn", async () => {
    const many = Array.from({ length: GROUP_LIMIT + 1 }, (_, x) => writer.write(insert(x)));
    let turns = 0;
    setImmediate(() => {
      turns += 1;
    });
    await Promise.all(many);
    expect([count("commit"), turns]).toEqual([2, 1]);
    statements.length = 0;
    const heavy = [1000, 1001, 1002].map((x) => writer.write(insert(x), GROUP_LIMIT));
    await Promise.all(heavy);
    expect(count("commit")).toBe(3);
  });

  test("is on disk before anyone hears of it, and invisible before", async () => {
    const seen: unknown[] = [];
    const first = writer.write(insert(1));
    const second = writer.write(() => seen.push(kept()));
    await first;
    expect(seen).toEqual([[]]);
    expect(kept()).toEqual([1]);
    await second;
  });

  test("is not seen half by a read that is asked for in the middle", async () => {
    const writes = [1, 2, 3].map((x) => writer.write(insert(x)));
    const before = await writer.read(kept);
    await Promise.all(writes);
    expect([before, await writer.read(kept)]).toEqual([[], [1, 2, 3]]);
  });
});

describe("a writer that has had no company for sixteen commits", () => {
  /** Whether the event loop turned before the write was done. */
  const turned = async (write: () => Promise<unknown>): Promise<boolean> => {
    let isNextTurn = false;
    setImmediate(() => {
      isNextTurn = true;
    });
    await write();
    return isNextTurn;
  };
  const lonelyWrites = async (from: number, to: number) => {
    const turns: boolean[] = [];
    for (let x = from; x < to; x += 1) turns.push(await turned(() => writer.write(insert(x))));
    return turns;
  };

  test("waits for the end of the turn no more, but for one commit in sixteen", async () => {
    expect(await lonelyWrites(0, 48)).toEqual([
      ...Array<boolean>(17).fill(true),
      ...Array<boolean>(15).fill(false),
      true,
      ...Array<boolean>(15).fill(false),
    ]);
    expect(kept()).toHaveLength(48);
  });

  test("still takes along what the promises of this turn lead to", async () => {
    await lonelyWrites(0, 18);
    statements.length = 0;
    const isNextTurn = await turned(() =>
      Promise.all([
        writer.write(insert(100)),
        Promise.resolve()
          .then(() => {})
          .then(() => writer.write(insert(101))),
      ]),
    );
    expect([isNextTurn, count("commit")]).toEqual([false, 1]);
  });

  test("finds company that comes with other turns within sixteen commits, and waits for it again", async () => {
    await lonelyWrites(0, 18);
    statements.length = 0;
    // Each speaks in a callback of its own, as events of sockets and children do.
    const each = Array.from(
      { length: 64 },
      (_, n) =>
        new Promise((resolve) => {
          setImmediate(() => resolve(writer.write(insert(100 + n))));
        }),
    );
    await Promise.all(each);
    expect(count("commit")).toBeLessThanOrEqual(17);
    expect(kept()).toHaveLength(18 + 64);
    expect(await turned(() => writer.write(insert(200)))).toBe(true);
  });
});

describe("a member that throws", () => {
  test("leaves its neighbours alone and takes back only its own work", async () => {
    const outcomes = await Promise.allSettled([
      writer.write(insert(1)),
      writer.write(() => {
        insert(2)();
        throw new Error("changed my mind");
      }),
      writer.write(insert(1)),
      writer.write(insert(3)),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected", "fulfilled"]);
    expect(outcomes[1]).toMatchObject({ reason: { message: "changed my mind" } });
    expect(outcomes[2]).toMatchObject({ reason: { code: "store_rejected", cause: { code: /CONSTRAINT/ } } });
    expect(kept()).toEqual([1, 3]);
    expect(count("commit")).toBe(1);
  });

  test("alone leaves nothing behind, and no open transaction", async () => {
    await expect(
      writer.write(() => {
        insert(1)();
        throw new Error("no");
      }),
    ).rejects.toThrow("no");
    expect([kept(), db.inTransaction]).toEqual([[], false]);
  });

  test("and takes the whole transaction with it: the neighbours are done again, by themselves", async () => {
    const outcomes = await Promise.allSettled([
      writer.write(insert(1)),
      writer.write(() => {
        // What SQLite itself does on some errors of the disk.
        db.exec("rollback");
        throw new Error("the disk");
      }),
      writer.write(insert(3)),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(kept()).toEqual([1, 3]);
  });
});

describe("a database that is busy", () => {
  test("is waited out while timers keep firing, and everybody's work is done", async () => {
    reader.exec("begin immediate");
    const writes = [1, 2].map((x) => writer.write(insert(x)));
    const ticks: number[] = [];
    const ticking = setInterval(() => {
      ticks.push(ticks.length);
      if (ticks.length === 20) reader.exec("commit");
    }, 1);
    expect(await Promise.all(writes)).toEqual([1, 2]);
    clearInterval(ticking);
    expect(ticks.length).toBeGreaterThanOrEqual(20);
    expect(kept()).toEqual([1, 2]);
  });

  test("longer than anyone waits is an error that says so, for each who waited, and nothing is written", async () => {
    const path = folder.file("t.db");
    const impatient = groupWriter(db, { path, patienceMs: 100 });
    reader.exec("begin immediate");
    const outcomes = await Promise.allSettled([1, 2].map((x) => impatient.write(insert(x))));
    reader.exec("commit");
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({
        status: "rejected",
        reason: {
          code: "store_busy",
          message: `The database ${path} stayed locked by another process; try again, or end the process that holds it.`,
          cause: { code: "SQLITE_BUSY" },
        },
      });
    }
    expect(kept()).toEqual([]);
    expect(await impatient.write(insert(3))).toBe(3);
  });

  test("is closed only when those who wait are served", async () => {
    reader.exec("begin immediate");
    const write = writer.write(insert(1));
    const closing = writer.close();
    await expect(writer.write(insert(2))).rejects.toMatchObject({ code: "store_closed" });
    setTimeout(() => reader.exec("commit"), 5);
    await closing;
    expect(kept()).toEqual([1]);
    expect(await write).toBe(1);
  });
});

describe("a commit of which nobody knows", () => {
  /** A connection whose commits report an error while `fails` says so, before or after they happened. */
  function forgetful(when: "before" | "after", fails: () => boolean): Database.Database {
    const commit = db.prepare("commit");
    const run = () => {
      const isFailing = fails();
      if (when === "after" || !isFailing) commit.run();
      if (isFailing) throw new Database.SqliteError("disk I/O error", "SQLITE_IOERR_FSYNC");
      return { changes: 0, lastInsertRowid: 0 };
    };
    return new Proxy(db, {
      get: (target, name) => {
        if (name === "prepare") return (sql: string) => (sql === "commit" ? { run } : target.prepare(sql));
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  }

  function times(count: number): () => boolean {
    let left = count;
    return () => {
      left -= 1;
      return left >= 0;
    };
  }

  const idempotent = (x: number) => () => {
    db.prepare("insert into t values (?, 'y') on conflict do nothing").run(x);
    return x;
  };

  test.each(["before", "after"] as const)("is repeated, one by one: the error came %s it", async (when) => {
    const unsure = groupWriter(forgetful(when, times(1)), { path: "t.db", patienceMs: 1000 });
    expect(await Promise.all([1, 2, 3].map((x) => unsure.write(idempotent(x))))).toEqual([1, 2, 3]);
    expect(kept()).toEqual([1, 2, 3]);
  });

  test("is repeated before what was asked for later", async () => {
    const unsure = groupWriter(forgetful("before", times(1)), { path: "t.db", patienceMs: 1000 });
    const order: number[] = [];
    const noted = (x: number) => () => {
      order.push(x);
      return idempotent(x)();
    };
    await Promise.all([1, 2].map((x) => unsure.write(noted(x), GROUP_LIMIT)));
    expect(order).toEqual([1, 1, 2]);
  });

  test("is given up when it goes on like that, with the cause", async () => {
    const unsure = groupWriter(
      forgetful("before", () => true),
      { path: "t.db", patienceMs: 1000 },
    );
    await expect(unsure.write(idempotent(1))).rejects.toMatchObject({
      code: "store_unavailable",
      cause: { code: "SQLITE_IOERR_FSYNC" },
    });
    expect([kept(), db.inTransaction]).toEqual([[], false]);
  });

  test("because of one member is that member's alone in the end", async () => {
    const isGuiltyIn = () => db.prepare("select 1 from t where x = 2").get() !== undefined;
    const unsure = groupWriter(forgetful("before", isGuiltyIn), { path: "t.db", patienceMs: 1000 });
    const outcomes = await Promise.allSettled([1, 2, 3].map((x) => unsure.write(idempotent(x))));
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(kept()).toEqual([1, 3]);
  });

  test("of the store's own writes gives the answers of the first time", async () => {
    const own = await connect(folder.file("slowwave.db"), 1000);
    db.close();
    db = own;
    const options = { path: "slowwave.db", patienceMs: 1000, ownersDir: null, nowMs: () => NOW_MS };
    const store = storeOn(forgetful("after", times(2)), options);
    const results = await Promise.all([
      store.runs.create(newRun(), commitOf(0)),
      store.memories.upsert("global", [output("one")]),
    ]);
    expect(results[0]).toBe("ok");
    expect((await store.runs.log({ after: 0, limit: 9 })).length).toBe(1);
    expect((await store.jobs.read("global"))?.input_watermark).toBe(100);
  });
});

describe("a full disk", () => {
  test("refuses what does not fit, with nothing half changed, and lets the neighbours through", async () => {
    const own = await connect(folder.file("slowwave.db"), 1000);
    db.close();
    db = own;
    own.pragma(`max_page_count = ${(own.pragma("page_count", { simple: true }) as number) + 20}`);
    const path = folder.file("slowwave.db");
    const store = storeOn(own, { path, patienceMs: 1000, ownersDir: null, nowMs: () => NOW_MS });
    const long = "x".repeat(200_000);
    const [small, large, other] = await Promise.allSettled([
      store.jobs.enqueue("one", 1),
      store.memories.upsert("global", [output("a"), output("b", { rawMemory: long })]),
      store.jobs.enqueue("two", 2),
    ]);
    expect([small.status, other.status]).toEqual(["fulfilled", "fulfilled"]);
    expect(large).toMatchObject({
      status: "rejected",
      reason: {
        code: "store_full",
        message: `No space is left for the database ${path}; free some and try again. Nothing was changed.`,
        cause: { code: "SQLITE_FULL" },
      },
    });
    expect(await store.memories.count("global")).toBe(0);
    expect((await store.jobs.list({ limit: 1_000_000 })).map(({ job_key }) => job_key)).toEqual([
      "one",
      "two",
    ]);
    const alone = store.memories.upsert("global", [output("a", { rawMemory: long })]);
    await expect(alone).rejects.toMatchObject({ code: "store_full" });
    expect(await store.memories.upsert("global", [output("a")])).toEqual({
      imported: 1,
      updated: 0,
      unchanged: 0,
      forgotten: 0,
      redacted: 0,
    });
  });
});
