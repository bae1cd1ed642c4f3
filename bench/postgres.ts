/**
 * The same eight durable effects on PostgreSQL as in `durable`, beside the SQLite floor: each commit waits for its disk in
 * both (`fsync` on, WAL). A server of the bench's own on a Unix socket; all take turns, ratios are taken within a round.
 * Then the steps a second that one process commits when 64 runs are at work, and what one finished run keeps of the disk.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import type { Store } from "../src/domain/ports.ts";
import { createDurableEngine } from "../src/durable/engine.ts";
import { openPostgresStore } from "../src/persistence/postgres/index.ts";
import { openSqliteStore } from "../src/persistence/sqlite/index.ts";
import { openClusterFolder, startCluster } from "../test/postgres/cluster.ts";
import { majorsHere } from "../test/postgres/servers.ts";
import { eightCommits } from "./eight-commits.ts";
import { eightEffects } from "./eight-effects.ts";
import { bareLoop, type Contestant } from "./hand-loops.ts";
import { median, printTable, quantile } from "./table.ts";

const WARM_UP_RUNS = 100;
const ROUNDS = 40;
const RUNS = 5;
const AT_ONCE = 64;
const CROWDED_RUNS = 320;
const CROWDED_ROUNDS = 5;

function engineOn(store: Store): Contestant {
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

/** Commits a second of a store with so many runs at work, each of which waits for its own. */
async function commitsPerSecond(store: Store, round: number): Promise<number> {
  const commitOf = await eightCommits();
  const began = performance.now();
  let next = 0;
  const worker = async () => {
    for (let at = next++; at < CROWDED_RUNS; at = next++) {
      const id = `bench-${round}-${String(at).padStart(5, "0")}`;
      const about = { id, space: "", machine: "eight", version: "1", hash: "", owner: "o", createdAtMs: 0 };
      await store.runs.create(about, commitOf(id, 0, Date.now()));
      for (let step = 1; step <= 8; step += 1) await store.runs.commit(commitOf(id, step, Date.now()));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return (CROWDED_RUNS * 9) / ((performance.now() - began) / 1000);
}

async function timesOf(contestant: Contestant): Promise<readonly number[]> {
  const times: number[] = [];
  for (let n = 0; n < RUNS; n += 1) {
    const began = performance.now();
    await contestant.run();
    times.push(performance.now() - began);
  }
  return times;
}

export async function postgres(): Promise<void> {
  const [major] = majorsHere().slice(-1);
  if (major === undefined) {
    console.log("\npostgres: NOT RUN, there is no PostgreSQL server here.");
    return;
  }
  const clusters = openClusterFolder();
  const folder = mkdtempSync(join(tmpdir(), "slowwave-bench-"));
  try {
    const cluster = await startCluster(clusters.path, "bench", { major, durable: true });
    await measure(folder, cluster.url(), major);
  } finally {
    clusters.close();
    rmSync(folder, { recursive: true });
  }
}

async function measure(folder: string, url: string, major: number): Promise<void> {
  const floorFolder = join(folder, "floor");
  mkdirSync(floorFolder);
  const sqlite = await openSqliteStore({ path: join(folder, "engine.db") });
  const remote = await openPostgresStore({ url });
  const contestants = {
    floor: await bareLoop(floorFolder),
    sqlite: engineOn(sqlite),
    postgres: engineOn(remote),
  };
  const names = Object.keys(contestants) as (keyof typeof contestants)[];
  for (const name of names) for (let n = 0; n < WARM_UP_RUNS; n += 1) await contestants[name].run();
  const times = { floor: [], sqlite: [], postgres: [] } as Record<
    keyof typeof contestants,
    (readonly number[])[]
  >;
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const at of names.keys()) {
      const name = names[(at + round) % names.length] as keyof typeof contestants;
      times[name].push(await timesOf(contestants[name]));
    }
  }
  const rates: { readonly sqlite: number; readonly postgres: number }[] = [];
  for (let round = 0; round < CROWDED_ROUNDS; round += 1) {
    rates.push({
      sqlite: await commitsPerSecond(sqlite, round),
      postgres: await commitsPerSecond(remote, round),
    });
  }
  for (const name of names) await contestants[name].close();

  const ratioTo = (name: "floor" | "sqlite") =>
    median(times.postgres.map((own, round) => median(own) / median(times[name][round] ?? [])));
  const row = (title: string, name: keyof typeof contestants, rate: string) => {
    const all = times[name].flat();
    return [title, median(all).toFixed(2), quantile(all, 0.99).toFixed(2), rate];
  };
  const rateOf = (name: "sqlite" | "postgres") => median(rates.map((rate) => rate[name])).toFixed(0);
  printTable(
    `eight durable effects on PostgreSQL ${major}, ${ROUNDS} interleaved rounds, medians (both wait for the disk)`,
    ["", "p50 ms", "p99 ms", `commits/s at ${AT_ONCE}`],
    [
      row("SQLite floor: bare loop, two short rows a step", "floor", ""),
      row("durable engine on SQLite", "sqlite", rateOf("sqlite")),
      row("durable engine on PostgreSQL", "postgres", rateOf("postgres")),
      ["PostgreSQL / SQLite floor (goal 2.5)", `${ratioTo("floor").toFixed(2)}x`, "", "goal 2000"],
      ["PostgreSQL / SQLite", `${ratioTo("sqlite").toFixed(2)}x`, "", ""],
    ],
  );
  await printSize(url);
}

const SPACES = 50;
const RUNS_OF_SPACE = 40;
const KEPT_RUNS = 5;

/** What the database keeps of a run that is over, once retention has been at it, with all its indexes. */
async function printSize(url: string): Promise<void> {
  const store = await openPostgresStore({ url, schema: "size" });
  const commitOf = await eightCommits();
  for (let nth = 0; nth < RUNS_OF_SPACE; nth += 1) {
    const writes = Array.from({ length: SPACES }, async (_, at) => {
      const [id, space] = [`run-${String(nth).padStart(4, "0")}-${at}`, `space-${at}`];
      const about = { id, space, machine: "eight", version: "1", hash: "", owner: "o", createdAtMs: 0 };
      await store.runs.create(about, commitOf(id, 0, 1));
      for (let step = 1; step <= 8; step += 1) await store.runs.commit(commitOf(id, step, 1));
      const retention = { space, keepRuns: KEPT_RUNS, keepRunDays: 1, nowMs: 0 };
      while (!(await store.retire(retention)).isDone);
    });
    await Promise.all(writes);
    // As autovacuum would in earnest, which waits longer than this bench.
    if (nth % 5 === 4) await store.compact();
  }
  await store.close();
  const client = new Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ bytes: string }>(
    `select sum(pg_total_relation_size(pg_class.oid)) as bytes from pg_class
     join pg_namespace on pg_namespace.oid = relnamespace where nspname = 'size' and relkind = 'r'`,
  );
  await client.end();
  const kib = Number(rows[0]?.bytes) / 1024;
  console.log(
    `\n${SPACES * RUNS_OF_SPACE} runs of nine steps finished, ${KEPT_RUNS} kept of each space: ` +
      `${(kib / (SPACES * RUNS_OF_SPACE)).toFixed(1)} KB a finished run (goal 8), ` +
      `${(kib / (SPACES * KEPT_RUNS)).toFixed(1)} KB a kept one`,
  );
}
