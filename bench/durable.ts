/**
 * Eight durable effects, each recorded before the next begins: nine commits in WAL mode with synchronous FULL. The
 * engine against two hand-written SQLite loops, and against a loop on its own store. Rounds are interleaved, each with
 * a fresh store; ratios are taken within a round.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDurableEngine } from "../src/engine/durable/engine.ts";
import { openSqliteStore } from "../src/persistence/sqlite/index.ts";
import { eightCommits } from "./eight-commits.ts";
import { eightEffects } from "./eight-effects.ts";
import { bareLoop, type Contestant, sameCommits } from "./hand-loops.ts";
import { median, printTable, quantile } from "./table.ts";

const ROUNDS = 7;
const RUNS = 300;
const AT_ONCE = 64;

/** The same commits through the engine's own store, without a machine: what tables and group commit cost. */
async function storeLoop(folder: string): Promise<Contestant> {
  const store = await openSqliteStore({ path: join(folder, "store.db") });
  const commitOf = await eightCommits();
  let count = 0;
  return {
    async run() {
      const id = `01k826jd8acrp${String(count++).padStart(5, "0")}`;
      const about = { id, space: "", machine: "eight", version: "1", hash: "", owner: "o", createdAtMs: 0 };
      await store.runs.create(about, commitOf(id, 0, Date.now()));
      for (let at = 1; at <= 8; at += 1) await store.runs.commit(commitOf(id, at, Date.now()));
    },
    close: () => store.close(),
  };
}

async function engine(folder: string): Promise<Contestant> {
  const store = await openSqliteStore({ path: join(folder, "engine.db") });
  const actors = eightEffects.implementations.actors as never;
  const durable = createDurableEngine({ store, machine: eightEffects, actors });
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

const CONTESTANTS = { bare: bareLoop, same: sameCommits, store: storeLoop, ours: engine };

interface Measured {
  readonly p50: number;
  readonly p99: number;
  readonly perSecond: number;
}

async function measured(make: (folder: string) => Promise<Contestant>): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), "slowwave-bench-"));
  const contestant = await make(folder);
  for (let warm = 0; warm < 60; warm += 1) await contestant.run();
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
  const rounds: Record<keyof typeof CONTESTANTS, Measured>[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const { bare, same, store, ours } = CONTESTANTS;
    rounds.push({
      bare: await measured(bare),
      same: await measured(same),
      store: await measured(store),
      ours: await measured(ours),
    });
  }
  type Round = (typeof rounds)[number];
  const of = (pick: (round: Round) => number, digits: number) => median(rounds.map(pick)).toFixed(digits);
  const times = (name: string, who: keyof Round) => [
    name,
    of((r) => r[who].p50, 2),
    of((r) => r[who].p99, 2),
    of((r) => r[who].perSecond, 0),
  ];
  const against = (name: string, who: keyof Round) => [
    name,
    `${of((r) => r.ours.p50 / r[who].p50, 2)}x`,
    `${of((r) => r.ours.p99 / r[who].p99, 2)}x`,
    `${of((r) => r.ours.perSecond / r[who].perSecond, 1)}x`,
  ];
  printTable(
    `eight durable effects, ${ROUNDS} interleaved rounds, medians (WAL, synchronous FULL)`,
    ["", "p50 ms", "p99 ms", `runs/s at ${AT_ONCE}`],
    [
      times("bare loop: two short rows a step", "bare"),
      times("hand-written loop, the same commits", "same"),
      times("the engine's store, no machine", "store"),
      times("durable engine", "ours"),
      against("engine / bare loop", "bare"),
      against("engine / the same commits", "same"),
      against("engine / its store", "store"),
    ],
  );
}
