import { everyJob } from "../../src/domain/job.ts";
import type { Store } from "../../src/domain/ports.ts";
import { contextOf } from "../../src/domain/run.ts";
import type { Status } from "../../src/domain/status.ts";
import { type AgentSpan, agentSpans, type Entry } from "./journal.ts";

/** What must hold of a fleet that has come to rest, whatever was done to its machines. All lists empty: all is well. */
export interface Verdict {
  /** Spaces with another number of published generations than of watermarks. */
  readonly generations: readonly string[];
  /** Two agents of one space at work at once. */
  readonly overlaps: readonly string[];
  /** Spaces whose newest input no generation holds, or whose memory lacks one of its sessions. */
  readonly lostInputs: readonly string[];
  /** Runs that did not end, or ended without a name. */
  readonly nameless: readonly string[];
  /** Runs that failed, by status and cause. What a lost machine began is no failure. */
  readonly failed: Readonly<Record<string, number>>;
}

export interface Expected {
  /** How often inputs came to each space while it was clean. */
  readonly watermarks?: number;
  /** Sessions of each space. */
  readonly sessions: number;
}

export async function judge(store: Store, journal: readonly Entry[], expected: Expected): Promise<Verdict> {
  const { watermarks = 1, sessions } = expected;
  const generations: string[] = [];
  const lostInputs: string[] = [];
  for await (const job of everyJob(store.jobs)) {
    const space = job.job_key;
    const published = (await store.generations.list(space, 100)).filter(({ kind }) => kind === "published");
    if (published.length !== watermarks) generations.push(`${space}: ${published.length}`);
    const current = await store.generations.current(space);
    const summaries = current?.manifest.filter(({ path }) => path.startsWith("rollout_summaries/")) ?? [];
    const isBehind = (job.last_success_watermark ?? 0) < (job.input_watermark ?? 0);
    if (isBehind || job.status !== "done" || summaries.length !== sessions) {
      lostInputs.push(`${space}: ${job.status}, ${summaries.length} of ${sessions} sessions`);
    }
  }
  const nameless: string[] = [];
  const failed: Record<string, number> = {};
  for (let before: string | undefined; ; ) {
    const page = await store.runs.list({ limit: 500, ...(before === undefined ? {} : { before }) });
    for (const run of page) {
      const { status, cause } = contextOf(run) as { status?: Status | null; cause?: string | null };
      if (run.state !== "done" || status == null) nameless.push(`${run.space} ${run.id}: ${run.state}`);
      else if (!/^(succeeded|skipped|machine_lost)/.test(status)) {
        const key = `${status}: ${cause ?? ""}`;
        failed[key] = (failed[key] ?? 0) + 1;
      }
    }
    const last = page.at(-1);
    if (last === undefined) break;
    before = last.id;
  }
  const overlaps = overlapsOf(agentSpans(journal)).map(
    ([a, b]) => `${a.space}: ${a.worker} and ${b.worker} for ${overlapMs(a, b)} ms`,
  );
  return { generations, overlaps, lostInputs, nameless, failed };
}

export const ALL_IS_WELL: Verdict = {
  generations: [],
  overlaps: [],
  lostInputs: [],
  nameless: [],
  failed: {},
};

const NEVER_MS = Number.POSITIVE_INFINITY;

export function overlapsOf(spans: readonly AgentSpan[]): readonly (readonly [AgentSpan, AgentSpan])[] {
  const bySpace = Map.groupBy(spans, ({ space }) => space);
  const pairs: [AgentSpan, AgentSpan][] = [];
  for (const group of bySpace.values()) {
    const sorted = group.toSorted((a, b) => (a.fromMs < b.fromMs ? -1 : 1));
    for (const [at, a] of sorted.entries()) {
      for (const b of sorted.slice(at + 1)) if (b.fromMs < (a.toMs ?? NEVER_MS)) pairs.push([a, b]);
    }
  }
  return pairs;
}

export function overlapMs(a: AgentSpan, b: AgentSpan): number {
  const from = Math.max(a.fromMs, b.fromMs);
  const [endA, endB] = [a.toMs ?? NEVER_MS, b.toMs ?? NEVER_MS];
  return Math.min(endA, endB) - from;
}

/** The most agents at work at once: in all, and of one tenant. */
export function peaks(spans: readonly AgentSpan[]): { readonly fleet: number; readonly tenant: number } {
  const steps = spans.flatMap(({ space, fromMs, toMs }) => [
    { atMs: fromMs, tenant: tenantOf(space), by: 1 },
    { atMs: toMs ?? NEVER_MS, tenant: tenantOf(space), by: -1 },
  ]);
  // An end before a beginning at the same moment.
  steps.sort((a, b) => (a.atMs === b.atMs ? a.by - b.by : a.atMs < b.atMs ? -1 : 1));
  const now = new Map<string, number>();
  const peak = { fleet: 0, tenant: 0 };
  let all = 0;
  for (const { tenant, by } of steps) {
    all += by;
    const count = (now.get(tenant) ?? 0) + by;
    now.set(tenant, count);
    peak.fleet = Math.max(peak.fleet, all);
    peak.tenant = Math.max(peak.tenant, count);
  }
  return peak;
}

export function tenantOf(space: string): string {
  return space.includes("/") ? (space.split("/")[0] ?? "") : "";
}

/** Runs that were taken over although their worker lived and was neither cut off nor frozen. */
export function takeoversOfTheLiving(journal: readonly Entry[]): readonly string[] {
  const owner = new Map<string, string>();
  const dead = new Set<string>();
  const found: string[] = [];
  for (const entry of journal) {
    if (entry.type === "killed" || entry.type === "cut" || entry.type === "frozen") dead.add(entry.worker);
    if (entry.type !== "run.started") continue;
    const before = owner.get(entry.run);
    if (entry.adopted && before !== undefined && before !== entry.worker && !dead.has(before)) {
      found.push(`${entry.space} ${entry.run}: ${before} → ${entry.worker}`);
    }
    owner.set(entry.run, entry.worker);
  }
  return found;
}

/** For each space in which a killed worker had an agent: seconds from the kill to the next agent there. */
export function secondsToNextAgent(journal: readonly Entry[]): readonly number[] {
  const spans = agentSpans(journal);
  return journal.flatMap((kill) => {
    if (kill.type !== "killed") return [];
    const interrupted = spans.filter(({ worker, toMs }) => worker === kill.worker && toMs === kill.atMs);
    return interrupted.flatMap(({ space, run }) => {
      const next = spans
        .filter((span) => span.space === space && span.fromMs > kill.atMs)
        .map(({ fromMs }) => (fromMs - kill.atMs) / 1_000);
      // Past the agent's end the run needs no other one.
      const isOver = journal.some(
        (entry) => entry.type === "run.finished" && entry.run === run && entry.status === "succeeded",
      );
      return next.length > 0 ? [Math.min(...next)] : isOver ? [] : [Number.POSITIVE_INFINITY];
    });
  });
}

/** Of sorted or unsorted numbers; 0 of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
