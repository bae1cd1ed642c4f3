/**
 * Eight durable effects, each recorded before the next begins: nine commits in WAL mode with synchronous FULL. The
 * engine against two hand-written SQLite loops, and against a loop on its own store. All are warm and take turns, a
 * few runs each, for a disk's speed drifts from second to second; ratios are taken within a round.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDurableEngine } from "../src/durable/engine.ts";
import { openSqliteStore } from "../src/persistence/sqlite/index.ts";
import { eightCommits } from "./eight-commits.ts";
import { eightEffects } from "./eight-effects.ts";
import { bareLoop, type Contestant, sameCommits } from "./hand-loops.ts";
import { median, printTable, quantile } from "./table.ts";

/** Until the logs are written over instead of growing, and the code is compiled: what a running host sees. */
const WARM_UP_RUNS = 500;
const ROUNDS = 80;
const RUNS = 30;
const CROWDED_ROUNDS = 5;
const CROWDED_RUNS = 500;
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

async function engine(folder: string, writer: "main" | "thread" = "main"): Promise<Contestant> {
  const store = await openSqliteStore({ path: join(folder, "engine.db"), writer });
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

const threaded = (folder: string) => engine(folder, "thread");

const CONTESTANTS = { bare: bareLoop, same: sameCommits, store: storeLoop, ours: engine, threaded };
type Name = keyof typeof CONTESTANTS;
const NAMES = Object.keys(CONTESTANTS) as Name[];

/** One after another; milliseconds of each. */
async function alone(contestant: Contestant, runs: number): Promise<number[]> {
  const times: number[] = [];
  for (let n = 0; n < runs; n += 1) {
    const began = performance.now();
    await contestant.run();
    times.push(performance.now() - began);
  }
  return times;
}

/** Runs a second. */
async function crowded(contestant: Contestant): Promise<number> {
  const began = performance.now();
  let left = CROWDED_RUNS;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (left-- > 0) await contestant.run();
    }),
  );
  return CROWDED_RUNS / ((performance.now() - began) / 1000);
}

/** `rounds` times one measurement of each contestant, each time in another order. */
async function interleaved<T>(
  rounds: number,
  measure: (name: Name) => Promise<T>,
): Promise<Record<Name, T[]>> {
  const measured: Record<Name, T[]> = { bare: [], same: [], store: [], ours: [], threaded: [] };
  for (let round = 0; round < rounds; round += 1) {
    for (const at of NAMES.keys()) {
      const name = NAMES[(at + round) % NAMES.length] as Name;
      measured[name].push(await measure(name));
    }
  }
  return measured;
}

export async function durable(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "slowwave-bench-"));
  const opened = {} as Record<Name, Contestant>;
  for (const name of NAMES) {
    const own = join(folder, name);
    mkdirSync(own);
    opened[name] = await CONTESTANTS[name](own);
    await alone(opened[name], WARM_UP_RUNS);
  }
  const times = await interleaved(ROUNDS, (name) => alone(opened[name], RUNS));
  const perSecond = await interleaved(CROWDED_ROUNDS, (name) => crowded(opened[name]));
  for (const name of NAMES) await opened[name].close();
  rmSync(folder, { recursive: true });

  const all = (name: Name) => times[name].flat();
  const absolute = (title: string, name: Name) => [
    title,
    median(all(name)).toFixed(2),
    quantile(all(name), 0.99).toFixed(2),
    median(perSecond[name]).toFixed(0),
  ];
  const ratio = (ours: readonly number[], theirs: readonly number[]) =>
    median(ours.map((value, round) => value / (theirs[round] as number)));
  const against = (title: string, name: Name) => [
    title,
    `${ratio(times.ours.map(median), times[name].map(median)).toFixed(2)}x`,
    `${(quantile(all("ours"), 0.99) / quantile(all(name), 0.99)).toFixed(2)}x`,
    `${ratio(perSecond.ours, perSecond[name]).toFixed(1)}x`,
  ];
  printTable(
    `eight durable effects, ${ROUNDS} interleaved rounds, medians (WAL, synchronous FULL)`,
    ["", "p50 ms", "p99 ms", `runs/s at ${AT_ONCE}`],
    [
      absolute("bare loop: two short rows a step", "bare"),
      absolute("hand-written loop, the same commits", "same"),
      absolute("the engine's store, no machine", "store"),
      absolute("durable engine", "ours"),
      absolute("durable engine, writer in a thread", "threaded"),
      against("engine / bare loop", "bare"),
      against("engine / the same commits", "same"),
      against("engine / its store", "store"),
    ],
  );
}
