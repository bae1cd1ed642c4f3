import { Client } from "pg";
import { overlapsOf, peaks, percentile } from "./invariants.ts";
import { type AgentSpan, agentSpans, nowMs } from "./journal.ts";
import { LONG_MS, onCluster, type Scale, startWorkers } from "./scenarios.ts";

export interface Shared {
  /** Agents of the hungry tenant that began while a space of another one had been due for more than two seconds. */
  readonly hungryBefore: number;
  /**
   * Agents of the hungry tenant that began after the others had come, and before so many of these had begun that all of
   * them may have had a place. No more than there are places: those that were given before.
   */
  readonly hungryAhead: number;
  readonly places: number;
  /** From arriving to its agent, over the small tenants. */
  readonly firstSeconds: number;
  readonly lastSeconds: number;
  /** How long a place was free while a small tenant had been due for more than a moment. */
  readonly longestFreeSlotMs: number;
  readonly overlaps: number;
}

/** One tenant with very much to do has all the places when a hundred others come with one space each. */
export function share({ major, spaces, ttlMs, others }: Scale & { others: number }): Promise<Shared> {
  const limit = 8;
  return onCluster({ major }, async ({ open }) => {
    const fleet = await open({ LIMIT: limit, CONCURRENCY: 4, AGENT_MS: 800, TTL_MS: ttlMs });
    await fleet.seed(spaces, 1);
    await startWorkers(fleet);
    await fleet.until("all places are taken", ({ running }) => running >= limit, LONG_MS);
    const arriveMs = nowMs();
    await fleet.seedOthers(others);
    const arrivedMs = nowMs();
    const isOther = ({ space }: { space: string }) => space.startsWith("other");
    const begun = () => agentSpans(fleet.journal()).filter(isOther);
    await fleet.until("each of the others began", () => begun().length >= others, LONG_MS);
    const spans = agentSpans(fleet.journal());
    const starts = begun().map(({ fromMs }) => fromMs);
    const lastMs = starts.reduce((a, b) => Math.max(a, b));
    const seconds = starts.map((ns) => (ns - arriveMs) / 1_000);
    const graceMs = 2_000;
    const isHungryBefore = (span: AgentSpan) =>
      !isOther(span) && span.fromMs > arrivedMs + graceMs && span.fromMs < lastMs;
    // A place for the hungry one means that all others have one, of whom as many as the other places may not have begun.
    const fewestMs = starts.toSorted((a, b) => a - b)[others - limit] ?? lastMs;
    const isAhead = (span: AgentSpan) => !isOther(span) && span.fromMs > arrivedMs && span.fromMs < fewestMs;
    return {
      hungryAhead: spans.filter(isAhead).length,
      places: limit,
      hungryBefore: spans.filter(isHungryBefore).length,
      firstSeconds: Math.min(...seconds),
      lastSeconds: percentile(seconds, 1),
      longestFreeSlotMs: longestFreeMs(spans, limit, arrivedMs, lastMs),
      overlaps: overlapsOf(spans).length,
    };
  });
}

/** The longest time between an agent's end and the beginning of the next one in its place, while others waited. */
function longestFreeMs(spans: readonly AgentSpan[], limit: number, fromMs: number, toMs: number): number {
  const steps = spans
    .flatMap((span) => [
      { atMs: span.fromMs, by: 1 },
      ...(span.toMs === null ? [] : [{ atMs: span.toMs, by: -1 }]),
    ])
    .sort((a, b) => (a.atMs < b.atMs ? -1 : 1));
  let busy = 0;
  // One entry for each place that is free, since when.
  const free: number[] = [];
  let longestMs = 0;
  for (const { atMs, by } of steps) {
    busy += by;
    if (by < 0 && busy < limit) free.push(atMs);
    if (by > 0) {
      const since = free.shift();
      const waitedMs = since === undefined ? 0 : atMs - Math.max(since, fromMs);
      if (atMs >= fromMs && atMs <= toMs && waitedMs > longestMs) longestMs = waitedMs;
    }
  }
  return longestMs;
}

export interface Limited {
  readonly samples: number;
  /** Samples in which more had a place than may. */
  readonly above: number;
  readonly most: { readonly fleet: number; readonly tenant: number };
  /** Of agents, from what they wrote down themselves. */
  readonly agents: { readonly fleet: number; readonly tenant: number };
}

const TENANT_LIMIT = 7;
const FLEET_LIMIT = 20;

/** Looks at the places in the database as fast as it can, while three workers with 24 places work. */
export function sampleLimits({
  major,
  spaces,
  ttlMs,
  samples,
}: Scale & { samples: number }): Promise<Limited> {
  return onCluster({ major }, async ({ url, open }) => {
    const env = { LIMIT: FLEET_LIMIT, TENANT_LIMIT, CONCURRENCY: 8, AGENT_MS: 400, TTL_MS: ttlMs };
    const fleet = await open(env);
    // Three tenants in turn have 7, 7 and 6 places: both limits are reached.
    await fleet.seed(spaces, 3);
    await startWorkers(fleet);
    await fleet.until("the work has begun", ({ running }) => running > 0, LONG_MS);
    const client = new Client({ connectionString: url });
    await client.connect();
    const most = { fleet: 0, tenant: 0 };
    let above = 0;
    let taken = 0;
    while (taken < samples) {
      const { rows } = await client.query<{ places: number }>(PLACES);
      const counts = rows.map(({ places }) => places);
      const [all, one] = [counts.reduce((a, b) => a + b, 0), Math.max(0, ...counts)];
      most.fleet = Math.max(most.fleet, all);
      most.tenant = Math.max(most.tenant, one);
      if (all > FLEET_LIMIT || one > TENANT_LIMIT) above += 1;
      taken += 1;
      if (taken % 500 !== 0) continue;
      const { due, running } = await fleet.overview();
      // Idle places would be no proof.
      if (due < 50) await fleet.seed(100, 3);
      if (running === 0 && due === 0) throw new Error("The fleet ran out of work.");
    }
    await client.end();
    return { samples: taken, above, most, agents: peaks(agentSpans(fleet.journal())) };
  });
}

/** Who has a place: running, or admitted and not claimed yet. In one statement, so in one snapshot. */
const PLACES = `
  select split_part(space, '/', 1) as tenant, count(*)::int as places
  from (
    select job_key as space from slowwave.jobs
      where kind = 'memory_consolidate_global' and status = 'running'
    union
    select space from slowwave.admissions where worker is not null and until > slowwave.now_ms()
  ) held
  group by 1`;
