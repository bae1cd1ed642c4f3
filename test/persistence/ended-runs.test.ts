import Database from "better-sqlite3";
import { expect, test } from "vitest";
import type { Store } from "../../src/domain/ports.ts";
import type { CommitRequest } from "../../src/domain/run.ts";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";
import { commitOf, NOW_MS, newRun } from "../../src/testing/store/given.ts";
import { freshFolder } from "./folder.ts";

const folder = freshFolder();
const path = () => folder.file("slowwave.db");

const TEXT = "x".repeat(600);

/** A step that is kept as a patch. */
function step(run: string, sequence: number, some: Partial<CommitRequest> = {}): CommitRequest {
  const snapshot = JSON.stringify({ status: "active", value: `s${sequence}`, context: { text: TEXT } });
  const patch = JSON.stringify({ value: `s${sequence}`, context: { text: TEXT } });
  return commitOf(sequence, { run, snapshot, patch, ...some });
}

/** One slice after the other, to the end; how many rows they were. */
async function retire(store: Store): Promise<number> {
  let removed = 0;
  for (;;) {
    const slice = await store.retire({ space: "global", keepRuns: 9, keepRunDays: 9, nowMs: NOW_MS });
    removed += slice.removed;
    if (slice.isDone) return removed;
  }
}

function patchesOf(run: string): number {
  const db = new Database(path());
  const count = db
    .prepare<[string], number>("select count(patch) from events where run = ?")
    .pluck()
    .get(run);
  db.close();
  return count ?? 0;
}

function pagesOf(table: string): number {
  const db = new Database(path());
  const pages = db.prepare<[string], number>("select count(*) from dbstat where name = ?").pluck().get(table);
  db.close();
  return pages ?? 0;
}

test("a run that is over gives back what only an unfinished one needs, and shows what it showed before", async () => {
  const store = await openSqliteStore({ path: path() });
  for (const id of ["over", "active"]) await store.runs.create(newRun({ id }), commitOf(0, { run: id }));
  for (let sequence = 1; sequence <= 30; sequence += 1) {
    await store.runs.commit(step("over", sequence));
    await store.runs.note("over", { atMs: NOW_MS, type: "beat", data: sequence });
  }
  for (let sequence = 1; sequence <= 30; sequence += 1) await store.runs.commit(step("active", sequence));
  const end = commitOf(31, { run: "over", state: "done" });
  await store.runs.commit(end);
  await store.runs.note("active", { atMs: NOW_MS, type: "beat", data: "last" });
  const shown = async () => ({
    runs: await store.runs.list({ limit: 9 }),
    log: await store.runs.log({ after: 0, limit: 999 }),
    ofOne: await store.runs.log({ run: "over", after: 0, limit: 999 }),
    steps: await store.runs.steps({ run: "over", to: 99 }),
    active: await store.runs.read("active"),
  });
  const before = await shown();
  const pages = pagesOf("events");
  const activePatches = patchesOf("active");
  expect([patchesOf("over") > 0, activePatches > 0]).toEqual([true, true]);
  expect(await retire(store)).toBe(62);
  expect([patchesOf("over"), patchesOf("active")]).toEqual([0, activePatches]);
  expect(await shown()).toEqual(before);
  expect(pagesOf("events")).toBeLessThan(pages * 0.8);
  // Its last step is still known, and each run is looked at once.
  expect(await store.runs.commit(end)).toBe("ok");
  expect(await retire(store)).toBe(0);
  expect(await store.runs.commit(step("active", 31))).toBe("ok");
  await store.close();
});

test("a run too long to be rewritten at once loses its patches all the same", async () => {
  const store = await openSqliteStore({ path: path() });
  await store.runs.create(newRun({ id: "long" }), commitOf(0, { run: "long" }));
  await store.runs.commit(step("long", 1));
  const notes = Array.from({ length: 2_000 }, (_, data) =>
    store.runs.note("long", { atMs: NOW_MS, type: "beat", data }),
  );
  await Promise.all(notes);
  await store.runs.commit(commitOf(2, { run: "long", state: "error" }));
  const before = await store.runs.log({ after: 0, limit: 9_999 });
  expect(patchesOf("long")).toBe(1);
  await retire(store);
  expect(patchesOf("long")).toBe(0);
  expect(await store.runs.log({ after: 0, limit: 9_999 })).toEqual(before);
  await store.close();
});
