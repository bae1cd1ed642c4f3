import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { assign, fromPromise, sendTo, setup } from "xstate";
import type { CommitRequest, NewRun } from "../../src/domain/run.ts";
import { createDurableEngine } from "../../src/durable/engine.ts";
import { connect } from "../../src/persistence/sqlite/connect.ts";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";
import { sqliteRuns, stepOf } from "../../src/persistence/sqlite/runs.ts";
import { groupWriter, type StepRow, type StepThread } from "../../src/persistence/sqlite/writer.ts";
import { manualClock } from "../agents/manual-clock.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "slowwave-thread-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const IDS = Array.from({ length: 20 }, (_, n) => `run-${String(n).padStart(2, "0")}`);

/** A child machine, a message to it, and two effects one after the other. */
const echo = setup({ types: { context: {} as { pings: number } } }).createMachine({
  id: "echo",
  context: { pings: 0 },
  on: { ping: { actions: assign({ pings: ({ context }) => context.pings + 1 }) } },
});
const machine = setup({
  types: { context: {} as { sum: number } },
  actors: { echo, add: fromPromise<number, { n: number }>(async ({ input }) => input.n + 1) },
  actions: { keep: assign({ sum: ({ event }) => (event as unknown as { output: number }).output }) },
}).createMachine({
  id: "adding",
  context: { sum: 0 },
  invoke: { id: "echo", src: "echo" },
  initial: "first",
  states: {
    first: {
      invoke: {
        id: "add",
        src: "add",
        input: ({ context }) => ({ n: context.sum }),
        onDone: { target: "second", actions: "keep" },
      },
    },
    second: {
      entry: sendTo("echo", { type: "ping" }),
      invoke: {
        id: "add",
        src: "add",
        input: ({ context }) => ({ n: context.sum }),
        onDone: { target: "over", actions: "keep" },
      },
    },
    over: { type: "final" },
  },
});

/** Twenty runs at once, and all that the store has of them after. */
async function runAll(writer: "main" | "thread") {
  const store = await openSqliteStore({ path: join(folder, `${writer}.db`), writer });
  const ids = { run: () => "", generation: () => "", token: () => "owner" };
  const engine = createDurableEngine({ store, machine, clock: manualClock(), ids });
  const runs = await Promise.all(IDS.map((id) => engine.start({ id })));
  await Promise.all(runs.map(({ done }) => done));
  const kept = [];
  for (const id of IDS) {
    const log = await store.runs.log({ run: id, after: 0, limit: 100 });
    kept.push([await store.runs.read(id), log.map(({ id: _, ...row }) => row)]);
  }
  await engine.close();
  await store.close();
  return kept;
}

test("what many runs at once leave is the same, whether the thread or this one commits their steps", async () => {
  expect(await runAll("thread")).toEqual(await runAll("main"));
});

const about = (id: string): NewRun => ({
  id,
  space: "",
  machine: "m",
  version: "1",
  hash: "",
  owner: "o",
  createdAtMs: 1,
});

const step = (run: string, sequence: number, fence = 0): CommitRequest => ({
  run,
  fence,
  sequence,
  atMs: sequence,
  event: "{}",
  eventType: "go",
  value: `s${sequence}`,
  snapshot: `{"value":"s${sequence}"}`,
  ...(sequence > 0 && { patch: `{"value":"s${sequence}"}` }),
  state: "active",
  intents: [],
});

test("a step under an old fence is fenced by the thread too, and nothing is written", async () => {
  const store = await openSqliteStore({ path: join(folder, "s.db"), writer: "thread" });
  await Promise.all(IDS.map((id) => store.runs.create(about(id), step(id, 0))));
  const outcomes = await Promise.all(IDS.map((id) => store.runs.commit(step(id, 1, 7))));
  expect(outcomes).toEqual(IDS.map(() => "fenced"));
  expect((await store.runs.read("run-00"))?.sequence).toBe(0);
  await store.close();
});

/** A store on `thread` instead of a real one, and what was asked of it. */
async function storeOnThread(thread: (rows: readonly StepRow[]) => ReturnType<StepThread["commit"]>) {
  const path = join(folder, "s.db");
  const db = await connect(path, 1_000);
  const writer = groupWriter(db, {
    path,
    patienceMs: 1_000,
    thread: { commit: thread, close: async () => {} },
  });
  return { path, runs: sqliteRuns(db, writer), close: () => writer.close().then(() => db.close()) };
}

test("steps whose outcome the thread took with it are found in the log, and stand there once", async () => {
  const other = await openSqliteStore({ path: join(folder, "s.db") });
  const { runs, close } = await storeOnThread(async (rows) => {
    for (const { begun, request } of rows.map(stepOf))
      await (begun === null ? other.runs.commit(request) : other.runs.create(begun, request));
    return rows.map(() => null);
  });
  const created = await Promise.all(IDS.map((id) => runs.create(about(id), step(id, 0))));
  const committed = await Promise.all(IDS.map((id) => runs.commit(step(id, 1))));
  expect([...created, ...committed]).toEqual([...IDS, ...IDS].map(() => "ok"));
  expect((await runs.log({ run: "run-07", after: 0, limit: 9 })).map(({ sequence }) => sequence)).toEqual([
    0, 1,
  ]);
  await close();
  await other.close();
});

test("while the thread writes nothing is written here, and what came meanwhile is written after", async () => {
  const order: string[] = [];
  let answer = () => {};
  const { runs, close } = await storeOnThread(async (rows) => {
    order.push("sent");
    await new Promise<void>((resolve) => {
      answer = resolve;
    });
    order.push("answered");
    return rows.map(() => null);
  });
  const creating = Promise.all(IDS.map((id) => runs.create(about(id), step(id, 0))));
  await new Promise(setImmediate);
  const noted = runs.note("run-00", { atMs: 1, type: "noted", data: null }).then(
    () => order.push("written"),
    () => order.push("refused"),
  );
  await new Promise(setImmediate);
  await new Promise(setImmediate);
  expect(order).toEqual(["sent"]);
  answer();
  await Promise.all([creating, noted]);
  expect(order).toEqual(["sent", "answered", "written"]);
  await close();
});

test("a thread that cannot be asked leaves all to this one", async () => {
  const { runs, close } = await storeOnThread(() => Promise.reject(new Error("gone")));
  expect(await Promise.all(IDS.map((id) => runs.create(about(id), step(id, 0))))).toEqual(
    IDS.map(() => "ok"),
  );
  await close();
});

test("a few steps are not worth the way to the thread", async () => {
  const { runs, close } = await storeOnThread(() => Promise.reject(new Error("never asked")));
  const few = IDS.slice(0, 3);
  expect(await Promise.all(few.map((id) => runs.create(about(id), step(id, 0))))).toEqual(
    few.map(() => "ok"),
  );
  await close();
});
