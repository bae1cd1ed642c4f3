import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Client } from "pg";
import { startPgbouncer } from "../postgres/pgbouncer.ts";
import { openAddress, PRIMARY, startStandby } from "../postgres/standby.ts";
import { takeoversOfTheLiving, type Verdict } from "./invariants.ts";
import { LIMITS, LONG_MS, onCluster, query, type Scale, startWorkers, TENANTS } from "./scenarios.ts";

export interface FailedOver {
  readonly verdict: Verdict;
  /** Rows whose commit was acknowledged to a client beside the fleet, and that the new primary lacks. */
  readonly lostCommits: number;
  readonly acknowledged: number;
  readonly takeoversOfTheLiving: readonly string[];
  /** From the loss of the primary to the end of its standby's promotion. */
  readonly promotedAfterMs: number;
}

/** The primary is lost in the middle of the work; its synchronous standby takes its place under the same address. */
export function failOver({ major, spaces, ttlMs }: Scale): Promise<FailedOver> {
  const host = "127.0.0.1";
  return onCluster({ major, host, settings: PRIMARY }, async ({ cluster, open }) => {
    const standby = await startStandby(cluster, "standby");
    await query(cluster.url(), "alter system set synchronous_standby_names = 'standby'");
    await query(cluster.url(), "select pg_reload_conf()");
    const address = await openAddress(cluster.port);
    try {
      const url = `postgres://slowwave@${host}:${address.port}/fleet`;
      const fleet = await open({ ...LIMITS, AGENT_MS: 800, TTL_MS: ttlMs }, url);
      await fleet.seed(spaces, TENANTS);
      await startWorkers(fleet);
      const witness = await startWitness(url);
      await fleet.until(
        "a third is done",
        ({ due, admitted, running }) => due + admitted + running < (spaces * 2) / 3,
        LONG_MS,
      );
      const lost = Date.now();
      cluster.stop("immediate");
      address.lead(null);
      standby.promote();
      address.lead(standby.port);
      const promotedAfterMs = Date.now() - lost;
      const acknowledged = await witness.stop();
      await fleet.rest(LONG_MS);
      const kept = await query<{ n: number }>(standby.url("fleet"), "select n from witness");
      const there = new Set(kept.map(({ n }) => n));
      return {
        verdict: await fleet.judge(),
        lostCommits: acknowledged.filter((n) => !there.has(n)).length,
        acknowledged: acknowledged.length,
        takeoversOfTheLiving: takeoversOfTheLiving(fleet.journal()),
        promotedAfterMs,
      };
    } finally {
      address.close();
      // Of the guard's folder, too; but the primary is gone already, and nothing else would end it now.
      standby.stop("immediate");
    }
  });
}

/** Commits one row after another, and remembers those that were acknowledged, until its connection is cut. */
async function startWitness(url: string): Promise<{ stop(): Promise<readonly number[]> }> {
  const client = new Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  await client.query("create table witness (n integer primary key)");
  const acknowledged: number[] = [];
  const work = (async () => {
    for (let n = 0; ; n += 1) {
      await client.query("insert into witness values ($1)", [n]);
      acknowledged.push(n);
    }
  })().catch(() => {});
  return {
    stop: async () => {
      await work;
      return acknowledged;
    },
  };
}

/** Ways in which a database refuses what it is asked, for a while. */
export type Shortage = "pool" | "connections" | "timeout" | "disk";

export interface Starved {
  readonly verdict: Verdict;
  readonly problems: Readonly<Record<string, number>>;
}

const SHORT_MS = 6_000;

/** A database that has too little of something in the middle of the work, and then enough again. */
export function starve({ major, spaces, ttlMs, of }: Scale & { of: Shortage }): Promise<Starved> {
  const few = { max_connections: 30, superuser_reserved_connections: 0 };
  const settings = of === "connections" ? few : of === "timeout" ? { statement_timeout: "300ms" } : {};
  return onCluster({ major, settings, smallDisk: of === "disk" }, async ({ cluster, url, open }) => {
    // Fewer than the workers' own pools have together.
    const pooler = of === "pool" ? await startPgbouncer(cluster, { poolSize: 2 }) : null;
    const fleet = await open({ ...LIMITS, AGENT_MS: 800, TTL_MS: ttlMs }, pooler?.url("fleet") ?? url);
    await fleet.seed(spaces, TENANTS);
    await startWorkers(fleet);
    await fleet.until(
      "a third is done",
      ({ due, admitted, running }) => due + admitted + running < (spaces * 2) / 3,
      LONG_MS,
    );
    if (of === "connections") await takeAllConnections(url, SHORT_MS);
    if (of === "timeout") await lockJobs(url, SHORT_MS);
    if (of === "disk") await fillDisk(cluster.folder, SHORT_MS);
    await fleet.rest(LONG_MS);
    const problems: Record<string, number> = {};
    for (const entry of fleet.journal()) {
      if (entry.type === "problem") problems[entry.code] = (problems[entry.code] ?? 0) + 1;
    }
    return { verdict: await fleet.judge(), problems };
  });
}

async function takeAllConnections(url: string, ms: number): Promise<void> {
  const clients: Client[] = [];
  for (const until = Date.now() + ms; Date.now() < until; ) {
    const client = new Client({ connectionString: url });
    client.on("error", () => {});
    const isOpen = await client.connect().then(
      () => true,
      () => false,
    );
    if (isOpen) clients.push(client);
    else await pause(100);
    // Whoever gives up a connection now finds no other one.
    if (clients.length === 25) await closeOthers(client);
  }
  await Promise.all(clients.map((client) => client.end()));
}

async function closeOthers(client: Client): Promise<void> {
  await client.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'slowwave'",
  );
}

/** Every statement on the jobs takes longer than the server lets it. */
async function lockJobs(url: string, ms: number): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query("set statement_timeout = 0");
  await client.query("begin; lock table slowwave.jobs in access exclusive mode");
  await pause(ms);
  await client.query("rollback");
  await client.end();
}

/** The folder of the data is a file system of its own, which gets full. */
async function fillDisk(folder: string, ms: number): Promise<void> {
  const file = join(folder, "data", "full");
  const handle = openSync(file, "w");
  try {
    // The database takes the same space meanwhile, so it is not known beforehand.
    for (;;) writeSync(handle, Buffer.alloc(4_096));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
  } finally {
    closeSync(handle);
  }
  await pause(ms);
  rmSync(file);
}
