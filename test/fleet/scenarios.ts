import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Client } from "pg";
import { type Cluster, type ClusterOptions, openClusterFolder, startCluster } from "../postgres/cluster.ts";
import type { Major } from "../postgres/servers.ts";
import { type Fleet, type FleetOptions, openFleet } from "./fleet.ts";
import {
  overlapMs,
  overlapsOf,
  peaks,
  percentile,
  secondsToNextAgent,
  takeoversOfTheLiving,
  type Verdict,
} from "./invariants.ts";
import { agentSpans, type Entry, nowMs } from "./journal.ts";
import type { Machine } from "./machine.ts";
import { type Network, openNetwork } from "./network.ts";
import { mountSmallDisk } from "./small-disk.ts";

/**
 * What can go wrong with a fleet, each done to real processes on a real PostgreSQL that writes to the disk. The tests run
 * them small and judge them; `bench/fleet.ts` runs them at full size and prints what they measured.
 */
export interface Scale {
  readonly major: Major;
  readonly spaces: number;
  /** After which an owner counts as dead. */
  readonly ttlMs: number;
}

interface Ground {
  readonly cluster: Cluster;
  readonly url: string;
  open(env: FleetOptions["env"], store?: string): Promise<Fleet>;
}

/** A cluster with a database, and fleets on it; all are gone when the work is over. */
export async function onCluster<Result>(
  { smallDisk = false, ...options }: Omit<ClusterOptions, "durable"> & { readonly smallDisk?: boolean },
  work: (ground: Ground) => Promise<Result>,
): Promise<Result> {
  const folder = openClusterFolder();
  const fleets: Fleet[] = [];
  // The log that commits are written to stays on the large one: PostgreSQL ends itself when that is full.
  const disk = smallDisk ? mountSmallDisk(join(folder.path, "fleet", "data"), 160) : null;
  try {
    const cluster = await startCluster(folder.path, "fleet", {
      ...options,
      durable: true,
      apartLog: smallDisk,
    });
    await query(cluster.url(), "create database fleet");
    const url = cluster.url("fleet");
    return await work({
      cluster,
      url,
      open: async (env, store = url) => {
        const fleet = await openFleet({ store, ...(env && { env }) });
        fleets.push(fleet);
        return fleet;
      },
    });
  } finally {
    for (const fleet of fleets) await fleet.close();
    disk?.unmount();
    folder.close();
  }
}

export async function query<Row>(url: string, text: string): Promise<readonly Row[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows as Row[];
  } finally {
    await client.end();
  }
}

export const WORKERS = 3;
export const TENANTS = 20;
/** Of tenant and fleet; the three workers have 24 places. */
export const LIMITS = { TENANT_LIMIT: 6, LIMIT: 20, CONCURRENCY: 8 };
export const LONG_MS = 20 * 60_000;

export async function startWorkers(fleet: Fleet, count = WORKERS): Promise<readonly Machine[]> {
  // Together, as a deployment does: on an empty database they migrate side by side.
  return Promise.all(Array.from({ length: count }, () => fleet.start()));
}

function agentsOf(fleet: Fleet, machine: Machine): number {
  const isOpen = ({ worker, toMs }: { worker: string; toMs: number | null }) =>
    worker === machine.name && toMs === null;
  return agentSpans(fleet.journal()).filter(isOpen).length;
}

async function untilBusy(fleet: Fleet, machine: Machine, agents = 2): Promise<void> {
  await fleet.until(
    `${machine.name} has ${agents} agents`,
    () => agentsOf(fleet, machine) >= agents,
    LONG_MS,
  );
}

export interface Killed {
  readonly verdict: Verdict;
  readonly kills: number;
  readonly spaces: number;
  readonly agents: number;
  readonly interrupted: number;
  readonly nextAgentP50Seconds: number;
  readonly nextAgentP95Seconds: number;
  readonly nextAgentMaxSeconds: number;
  readonly takeoversOfTheLiving: readonly string[];
  readonly peak: { readonly fleet: number; readonly tenant: number };
  /** Spaces that the carrier brought; 0 without one. */
  readonly carried: number;
  readonly seconds: number;
}

/** Workers are killed with their disks, one after another, each replaced by a new one. `carrier`: what brings them spaces. */
export function killWorkers({
  major,
  spaces,
  ttlMs,
  kills,
  everyMs,
  carrier = "none",
}: Scale & { kills: number; everyMs: number; carrier?: "pg-boss" | "none" }): Promise<Killed> {
  return onCluster({ major }, async ({ open, url }) => {
    // Two workers have places for all, so that what is measured is the takeover and not the want of a place.
    const fleet = await open({ ...LIMITS, CONCURRENCY: 12, AGENT_MS: 800, TTL_MS: ttlMs, CARRIER: carrier });
    await fleet.seed(spaces, TENANTS);
    const began = Date.now();
    await startWorkers(fleet);
    for (let done = 0; done < kills; ) {
      await pause(500);
      if ((await fleet.killBusy(2)) === null) continue;
      done += 1;
      // For the new worker to begin, and for the others to take over.
      await pause(everyMs);
      // A kill of a worker without work would show nothing.
      if ((await fleet.overview()).due < 20) await fleet.seed(20, TENANTS);
    }
    await fleet.rest(LONG_MS);
    const journal = fleet.journal();
    const spans = agentSpans(journal);
    const next = secondsToNextAgent(journal);
    return {
      verdict: await fleet.judge(),
      kills: journal.filter(({ type }) => type === "killed").length,
      spaces: fleet.spaces(),
      agents: spans.length,
      interrupted: next.length,
      nextAgentP50Seconds: percentile(next, 0.5),
      nextAgentP95Seconds: percentile(next, 0.95),
      nextAgentMaxSeconds: Math.max(0, ...next),
      takeoversOfTheLiving: takeoversOfTheLiving(journal),
      peak: peaks(spans),
      carried: carrier === "none" ? 0 : await carriedSpaces(url),
      seconds: (Date.now() - began) / 1000,
    };
  });
}

/** Spaces that pg-boss brought to a worker which told it of their success. */
async function carriedSpaces(url: string): Promise<number> {
  const [row] = await query<{ readonly spaces: number }>(
    url,
    `select count(distinct singleton_key)::integer as spaces from pgboss.job
      where name = 'slowwave-due' and output ->> 'status' = 'succeeded'`,
  );
  return row?.spaces ?? 0;
}

export interface Frozen {
  /** Overlaps apart from what a frozen agent did after it woke. */
  readonly verdict: Verdict;
  /** Agents that the worker had when it was frozen. */
  readonly agents: number;
  /** How long the longest of them worked on after waking, and beside another agent of its space. */
  readonly tailMs: number;
  readonly besideMs: number;
  /** How often it found after waking that it was cut off. */
  readonly cutOffs: number;
}

/** One worker stands still for twice the time after which others take it for dead, and wakes up. */
export function freezeWorker({ major, spaces, ttlMs }: Scale): Promise<Frozen> {
  return onCluster({ major }, async ({ open }) => {
    const fleet = await open({ ...LIMITS, AGENT_MS: 1_500, TTL_MS: ttlMs });
    await fleet.seed(spaces, TENANTS);
    const [victim] = await startWorkers(fleet);
    if (victim === undefined) throw new Error("There is no worker.");
    await untilBusy(fleet, victim);
    const agents = agentsOf(fleet, victim);
    victim.freeze();
    await pause(2 * ttlMs);
    victim.thaw();
    await fleet.rest(LONG_MS);
    const journal = fleet.journal();
    const spans = agentSpans(journal);
    const wokeMs = journal.find(({ type }) => type === "thawed")?.atMs ?? 0;
    const isTail = ({ worker, fromMs }: { worker: string; fromMs: number }) =>
      worker === victim.name && fromMs === wokeMs;
    const tails = spans.filter(isTail);
    const beside = overlapsOf(spans).filter(([a, b]) => isTail(a) || isTail(b));
    const verdict = await fleet.judge();
    const lengths = tails.map(({ toMs }) => (toMs ?? Number.POSITIVE_INFINITY) - wokeMs);
    return {
      verdict: { ...verdict, overlaps: verdict.overlaps.slice(beside.length) },
      agents,
      tailMs: Math.max(0, ...lengths),
      besideMs: Math.max(0, ...beside.map(([a, b]) => overlapMs(a, b))),
      cutOffs: cutOffsOf(journal, victim.name, wokeMs),
    };
  });
}

export interface Partitioned {
  readonly verdict: Verdict;
  /** Agents that the worker had when it was cut off. */
  readonly agents: number;
  /** From the cut to the end of its last agent. */
  readonly endedAfterMs: number;
  /** How often it found that it was cut off. */
  readonly cutOffs: number;
  /** Runs of it that others took over. */
  readonly takenOver: number;
  /** From the mending to the first agent that it began again. */
  readonly backAfterMs: number;
}

/** One worker's network is cut for twice the time after which others take it for dead. */
export function cutWorker({
  major,
  spaces,
  ttlMs,
  how,
}: Scale & { how: Parameters<Network["cut"]>[0] }): Promise<Partitioned> {
  return onCluster({ major, host: "0.0.0.0" }, async ({ cluster, open }) => {
    // Most are at work for longer than the worker may be silent, so that it is it who ends them.
    const fleet = await open({ ...LIMITS, AGENT_MS: ttlMs, TTL_MS: ttlMs });
    await fleet.seed(spaces, TENANTS);
    const network = openNetwork(fleet.journalOf("w0"));
    try {
      const store = `postgres://slowwave@${network.host}:${cluster.port}/fleet`;
      const victim = await fleet.start({ netns: network.netns, env: { FLEET_STORE: store } });
      await startWorkers(fleet, WORKERS - 1);
      await untilBusy(fleet, victim);
      const agents = agentsOf(fleet, victim);
      network.cut(how);
      await pause(2 * ttlMs);
      network.mend();
      await fleet.until(
        `${victim.name} is back`,
        async ({ due }) => {
          if (backAfter(fleet.journal(), victim.name) !== null) return true;
          // There must be work for all, or it could not be seen to come back.
          if (due < 10) await fleet.seed(10, TENANTS);
          return false;
        },
        LONG_MS,
      );
      await fleet.rest(LONG_MS);
      const journal = fleet.journal();
      const cutMs = journal.find(({ type }) => type === "cut")?.atMs ?? 0;
      const mendedMs = journal.find(({ type }) => type === "mended")?.atMs ?? 0;
      const ends = agentSpans(journal)
        .filter(({ worker, fromMs }) => worker === victim.name && fromMs < mendedMs)
        .map(({ toMs }) => (toMs ?? Number.POSITIVE_INFINITY) - cutMs);
      return {
        verdict: await fleet.judge(),
        agents,
        endedAfterMs: Math.max(0, ...ends),
        cutOffs: cutOffsOf(journal, victim.name, cutMs),
        takenOver: takenFrom(journal, victim.name),
        backAfterMs: backAfter(journal, victim.name) ?? Number.POSITIVE_INFINITY,
      };
    } finally {
      network.close();
    }
  });
}

function cutOffsOf(journal: readonly Entry[], worker: string, fromMs: number): number {
  const isOne = (entry: Entry) =>
    entry.type === "problem" && entry.code === "worker_cut_off" && entry.worker === worker;
  return journal.filter((entry) => isOne(entry) && entry.atMs >= fromMs).length;
}

function backAfter(journal: readonly Entry[], worker: string): number | null {
  const mendedMs = journal.find((entry) => entry.type === "mended")?.atMs;
  if (mendedMs === undefined) return null;
  const again = journal.find(
    (entry) => entry.type === "agent.begun" && entry.worker === worker && entry.atMs > mendedMs,
  );
  return again === undefined ? null : again.atMs - mendedMs;
}

function takenFrom(journal: readonly Entry[], worker: string): number {
  const owner = new Map<string, string>();
  let count = 0;
  for (const entry of journal) {
    if (entry.type !== "run.started") continue;
    if (entry.adopted && entry.worker !== worker && owner.get(entry.run) === worker) count += 1;
    owner.set(entry.run, entry.worker);
  }
  return count;
}

export interface Restarted {
  readonly verdict: Verdict;
  readonly takeoversOfTheLiving: readonly string[];
  /** From the database's return to the first run that ended after it. */
  readonly goesOnAfterMs: number;
}

/** The database crashes, is away for so long, and comes back. */
export function restartDatabase({
  major,
  spaces,
  ttlMs,
  awayMs,
}: Scale & { awayMs: number }): Promise<Restarted> {
  return onCluster({ major }, async ({ cluster, open }) => {
    const fleet = await open({ ...LIMITS, AGENT_MS: 800, TTL_MS: ttlMs });
    await fleet.seed(spaces, TENANTS);
    await startWorkers(fleet);
    await fleet.until(
      "a third is done",
      ({ due, admitted, running }) => due + admitted + running < (spaces * 2) / 3,
      LONG_MS,
    );
    cluster.stop("immediate");
    await pause(awayMs);
    cluster.start();
    const backMs = nowMs();
    await fleet.rest(LONG_MS);
    const journal = fleet.journal();
    const first = journal.find(({ type, atMs }) => type === "run.finished" && atMs > backMs);
    return {
      verdict: await fleet.judge(),
      takeoversOfTheLiving: takeoversOfTheLiving(journal),
      goesOnAfterMs: first === undefined ? Number.POSITIVE_INFINITY : first.atMs - backMs,
    };
  });
}

export interface Skewed {
  readonly verdict: Verdict;
  readonly takeoversOfTheLiving: readonly string[];
  /** What the workers told of their clocks, in hours. */
  readonly offsetsHours: readonly number[];
}

/** Three workers: one two hours ahead, one two hours behind; one that is right is killed. */
export function skewClocks({ major, spaces, ttlMs }: Scale): Promise<Skewed> {
  return onCluster({ major }, async ({ open }) => {
    const fleet = await open({ ...LIMITS, AGENT_MS: 800, TTL_MS: ttlMs, LEASE_SECONDS: 60 });
    await fleet.seed(spaces, TENANTS);
    const [, , right] = await Promise.all([
      fleet.start({ clock: "+2h" }),
      fleet.start({ clock: "-2h" }),
      fleet.start(),
    ]);
    const { workers } = await fleet.overview();
    await untilBusy(fleet, right);
    await right.kill();
    await fleet.rest(LONG_MS);
    const hours = workers.map(({ clockOffsetMs }) => Math.round(clockOffsetMs / 3_600_000) + 0);
    return {
      verdict: await fleet.judge(),
      takeoversOfTheLiving: takeoversOfTheLiving(fleet.journal()),
      offsetsHours: hours.toSorted((a, b) => a - b),
    };
  });
}
