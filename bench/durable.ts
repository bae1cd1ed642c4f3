/**
 * The durable engine against a hand-written SQLite loop that does the same work: claim the run, eight steps, each
 * recorded before the next begins, the end; nine commits in WAL mode with synchronous FULL. Rounds are interleaved,
 * each with a fresh store; ratios are taken within a round.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { initialTransition, transition } from "xstate";
import type { CommitRequest } from "../src/domain/run.ts";
import { createDurableEngine } from "../src/engine/durable/engine.ts";
import { transitionsOf } from "../src/engine/durable/transition.ts";
import { openSqliteStore } from "../src/persistence/sqlite/index.ts";
import { eightEffects } from "./eight-effects.ts";
import { median, printTable, quantile } from "./table.ts";

const ROUNDS = 5;
const RUNS = 300;
const AT_ONCE = 64;
const EVENT = { type: "xstate.done.actor.work", output: 1, actorId: "work" };

interface Contestant {
  run(): Promise<void>;
  close(): Promise<void>;
}

async function handLoop(folder: string): Promise<Contestant> {
  const db = new Database(join(folder, "loop.db"));
  db.pragma("journal_mode = WAL");
  db.pragma("synchronous = FULL");
  db.exec(`create table run(id integer primary key, state text not null, step int not null, snapshot text not null) strict;
    create table event(run int, seq int, type text, data text, primary key(run, seq)) strict, without rowid`);
  const begin = db.prepare("insert into run(state, step, snapshot) values('active', 0, ?)");
  const record = db.prepare("insert into event values(?, ?, ?, ?)");
  const advance = db.prepare("update run set state = ?, step = ?, snapshot = ? where id = ? and step = ?");
  const snapshot = JSON.stringify({ status: "active", value: "s1", context: { done: 0 } });
  const claim = db.transaction(() => {
    const id = Number(begin.run(snapshot).lastInsertRowid);
    record.run(id, 0, "init", "{}");
    return id;
  });
  const step = db.transaction((id: number, at: number, output: number) => {
    record.run(id, at, "done", JSON.stringify({ output }));
    advance.run(
      at === 8 ? "done" : "active",
      at,
      JSON.stringify({ status: "active", value: `s${at}`, context: { done: output } }),
      id,
      at - 1,
    );
  });
  return {
    async run() {
      const id = claim.immediate();
      for (let at = 1; at <= 8; at += 1) {
        const output = await Promise.resolve(at);
        step.immediate(id, at, output);
      }
    },
    close: async () => void db.close(),
  };
}

/** The same commits through the engine's own store, without a machine: what the tables and the group commit cost. */
async function storeLoop(folder: string): Promise<Contestant> {
  const store = await openSqliteStore({ path: join(folder, "store.db") });
  const snapshotAt = (at: number) =>
    JSON.stringify({ status: at === 8 ? "done" : "active", value: `s${at}`, context: { done: at } });
  const commit = (run: string, at: number): CommitRequest => ({
    ...{ run, fence: 0, sequence: at, atMs: at, value: `s${at}`, snapshot: snapshotAt(at) },
    ...{ event: JSON.stringify({ output: at }), eventType: "done", state: at === 8 ? "done" : "active" },
    intents: at === 8 ? [] : [intentOf(run, at)],
  });
  const intentOf = (run: string, at: number) => ({
    ...({ key: `${run}/${at}/work`, run, child: "work", kind: "start", src: "work" } as const),
    ...{ input: JSON.stringify({ step: at + 1 }), dueAtMs: null },
  });
  let count = 0;
  return {
    async run() {
      const id = `run-${String(count++).padStart(8, "0")}`;
      const about = { id, space: "", machine: "eight", version: "1", hash: "", owner: "o", createdAtMs: 0 };
      await store.runs.create(about, commit(id, 0));
      for (let at = 1; at <= 8; at += 1) await store.runs.commit(commit(id, at));
    },
    close: () => store.close(),
  };
}

async function engine(folder: string): Promise<Contestant> {
  const store = await openSqliteStore({ path: join(folder, "engine.db") });
  const durable = createDurableEngine({
    store,
    machine: eightEffects,
    actors: eightEffects.implementations.actors as never,
  });
  return {
    async run() {
      await (await durable.start({ input: undefined })).done;
    },
    async close() {
      await durable.close();
      await store.close();
    },
  };
}

async function measured(make: (folder: string) => Promise<Contestant>) {
  const folder = mkdtempSync(join(tmpdir(), "slowwave-bench-"));
  const contestant = await make(folder);
  for (let warm = 0; warm < 30; warm += 1) await contestant.run();
  const times: number[] = [];
  for (let n = 0; n < RUNS; n += 1) {
    const began = performance.now();
    await contestant.run();
    times.push(performance.now() - began);
  }
  const began = performance.now();
  let left = RUNS * 4;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (left-- > 0) await contestant.run();
    }),
  );
  const perSecond = (RUNS * 4) / ((performance.now() - began) / 1000);
  await contestant.close();
  rmSync(folder, { recursive: true });
  return { p50: median(times), p99: quantile(times, 0.99), perSecond };
}

export async function durable(): Promise<void> {
  type Measured = Awaited<ReturnType<typeof measured>>;
  const rounds: { loop: Measured; store: Measured; ours: Measured }[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    rounds.push({
      loop: await measured(handLoop),
      store: await measured(storeLoop),
      ours: await measured(engine),
    });
  }
  const of = (pick: (round: (typeof rounds)[number]) => number) => median(rounds.map(pick));
  printTable(
    `eight durable effects, ${ROUNDS} interleaved rounds, medians (WAL, synchronous FULL)`,
    ["", "p50 ms", "p99 ms", `runs/s at ${AT_ONCE}`],
    [
      [
        "hand-written loop (floor)",
        of((r) => r.loop.p50).toFixed(2),
        of((r) => r.loop.p99).toFixed(2),
        of((r) => r.loop.perSecond).toFixed(0),
      ],
      [
        "the engine's store, no machine",
        of((r) => r.store.p50).toFixed(2),
        of((r) => r.store.p99).toFixed(2),
        of((r) => r.store.perSecond).toFixed(0),
      ],
      [
        "durable engine",
        of((r) => r.ours.p50).toFixed(2),
        of((r) => r.ours.p99).toFixed(2),
        of((r) => r.ours.perSecond).toFixed(0),
      ],
      [
        "engine / floor",
        `${of((r) => r.ours.p50 / r.loop.p50).toFixed(2)}x`,
        `${of((r) => r.ours.p99 / r.loop.p99).toFixed(2)}x`,
        `${of((r) => r.ours.perSecond / r.loop.perSecond).toFixed(1)}x`,
      ],
      [
        "engine / its store",
        `${of((r) => r.ours.p50 / r.store.p50).toFixed(2)}x`,
        `${of((r) => r.ours.p99 / r.store.p99).toFixed(2)}x`,
        `${of((r) => r.ours.perSecond / r.store.perSecond).toFixed(1)}x`,
      ],
    ],
  );
  printTable(
    "the pure step alone",
    ["", "µs a step"],
    [
      ["ours, with one reused scope", microseconds(ourSteps()).toFixed(1)],
      ["transition() of xstate", microseconds(theirSteps()).toFixed(1)],
      ["persist as JSON", microseconds(persisting()).toFixed(1)],
    ],
  );
}

function ourSteps(): () => void {
  const pure = transitionsOf(eightEffects);
  const { snapshot } = pure.initialTransition(undefined);
  return () => pure.transition(snapshot, EVENT);
}

function theirSteps(): () => void {
  const [snapshot] = initialTransition(eightEffects);
  return () => transition(eightEffects, snapshot, EVENT as never);
}

function persisting(): () => void {
  const pure = transitionsOf(eightEffects);
  const { snapshot } = pure.initialTransition(undefined);
  return () => pure.persist(snapshot);
}

function microseconds(work: () => void): number {
  const N = 5_000;
  const rounds = Array.from({ length: 5 }, () => {
    const began = performance.now();
    for (let n = 0; n < N; n += 1) work();
    return ((performance.now() - began) * 1000) / N;
  });
  return median(rounds);
}
