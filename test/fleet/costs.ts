import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Cluster } from "../postgres/cluster.ts";
import type { Machine } from "./machine.ts";
import { LONG_MS, onCluster, query, type Scale, startWorkers, WORKERS } from "./scenarios.ts";

/** What one worker, one run and one space cost: from these a fleet of any size is reckoned on paper. */
export interface Costs {
  /** Of one worker that has nothing to do. */
  readonly idleTransactionsPerSecond: number;
  readonly idleWorkerCpuPercent: number;
  readonly idleDatabaseCpuPercent: number;
  readonly connectionsPerWorker: number;
  readonly residentMegabytes: number;
  /** Of one run whose agent costs nothing, with three workers. */
  readonly runsPerSecond: number;
  readonly workerCpuMsPerRun: number;
  readonly databaseCpuMsPerRun: number;
  readonly transactionsPerRun: number;
  readonly walBytesPerRun: number;
  /** What a run leaves: its row, log, inputs and generation, with their indexes; the memory's own texts apart. */
  readonly databaseBytesPerRun: number;
  readonly logRowsPerRun: number;
  /** A space that was imported and never ran: job, three sessions, indexes. */
  readonly databaseBytesPerSpace: number;
}

interface Counters {
  readonly transactions: number;
  readonly wal: number;
  readonly bytes: number;
}

const IDLE_MS = 30_000;
/** The statistics of other sessions arrive with a delay of up to a second. */
const STATISTICS_MS = 1_500;

export function measureCosts({ major, spaces, ttlMs }: Scale): Promise<Costs> {
  return onCluster({ major }, async ({ cluster, url, open }) => {
    const fleet = await open({ CONCURRENCY: 8, AGENT_MS: 0, TTL_MS: ttlMs });
    const before = await countersOf(url);
    await fleet.seed(spaces, 20);
    const seeded = await countersOf(url);

    const machines: readonly Machine[] = await startWorkers(fleet);
    const beganMs = Date.now();
    const workerCpu = () => sum(machines.map(({ pid }) => cpuMs(pid)));
    const [cpu, databaseCpu] = [workerCpu(), databaseCpuMs(cluster)];
    await fleet.rest(LONG_MS);
    const seconds = (Date.now() - beganMs) / 1_000;
    const [workedCpu, workedDatabaseCpu] = [workerCpu() - cpu, databaseCpuMs(cluster) - databaseCpu];
    const worked = await countersOf(url);

    // Their first looks after the work are none of an idle worker's.
    await pause(5_000);
    const idle = await transactionsOf(url);
    const [idleCpu, idleDatabaseCpu, idleBeganMs] = [workerCpu(), databaseCpuMs(cluster), Date.now()];
    await pause(IDLE_MS);
    const [stillIdleCpu, stillIdleDatabaseCpu] = [workerCpu(), databaseCpuMs(cluster)];
    const idleMs = Date.now() - idleBeganMs;
    const stillIdle = await transactionsOf(url);
    const [connections] = await query<{ n: number }>(
      url,
      "select count(*)::int as n from pg_stat_activity where application_name = 'slowwave'",
    );
    const [rows] = await query<{ n: number }>(url, "select count(*)::int as n from slowwave.events");
    return {
      idleTransactionsPerSecond: ((stillIdle - idle - 1) / (idleMs + STATISTICS_MS) / WORKERS) * 1_000,
      idleWorkerCpuPercent: ((stillIdleCpu - idleCpu) / idleMs / WORKERS) * 100,
      idleDatabaseCpuPercent: ((stillIdleDatabaseCpu - idleDatabaseCpu) / idleMs / WORKERS) * 100,
      // One store more is the observer's.
      connectionsPerWorker: (connections?.n ?? 0) / (WORKERS + 1),
      residentMegabytes: sum(machines.map(({ pid }) => residentMegabytes(pid))) / WORKERS,
      runsPerSecond: spaces / seconds,
      workerCpuMsPerRun: workedCpu / spaces,
      databaseCpuMsPerRun: workedDatabaseCpu / spaces,
      transactionsPerRun: (worked.transactions - seeded.transactions) / spaces,
      walBytesPerRun: (worked.wal - seeded.wal) / spaces,
      databaseBytesPerRun: (worked.bytes - seeded.bytes) / spaces,
      logRowsPerRun: (rows?.n ?? 0) / spaces,
      databaseBytesPerSpace: (seeded.bytes - before.bytes) / spaces,
    };
  });
}

/** After a vacuum, so that what is only waiting to be cleared away is not counted. */
async function countersOf(url: string): Promise<Counters> {
  await query(url, "vacuum");
  await pause(STATISTICS_MS);
  const [row] = await query<Counters>(
    url,
    `select xact_commit::float8 as transactions, pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 as wal,
       (select sum(pg_total_relation_size(c.oid))::float8 from pg_class c join pg_namespace n on n.oid = relnamespace
         where nspname = 'slowwave' and relkind = 'r') as bytes
     from pg_stat_database where datname = current_database()`,
  );
  if (row === undefined) throw new Error("The database tells nothing of itself.");
  return row;
}

/** A vacuum would be a transaction for each table, which is no worker's. */
async function transactionsOf(url: string): Promise<number> {
  await pause(STATISTICS_MS);
  const [row] = await query<{ n: number }>(
    url,
    "select xact_commit::float8 as n from pg_stat_database where datname = current_database()",
  );
  return row?.n ?? 0;
}

const TICKS_MS = 10;

/** Time on a processor that a process has used, in milliseconds, with its children that have ended. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return sum(fields.slice(11, 15).map(Number)) * TICKS_MS;
}

function residentMegabytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1_024;
}

/** Of the server and all its processes, those that have ended among them. */
function databaseCpuMs(cluster: Cluster): number {
  const pid = Number(readFileSync(join(cluster.folder, "data/postmaster.pid"), "utf8").split("\n")[0]);
  const children = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => parentOf(name) === pid);
  return cpuMs(pid) + sum(children.map((child) => cpuMs(Number(child))));
}

function parentOf(pid: string): number {
  try {
    return Number(readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ")[1]);
  } catch {
    return 0;
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}
