import { SlowwaveError } from "../domain/failure.ts";
import { isDirty, type JobRow } from "../domain/job.ts";
import type { Store } from "../domain/ports.ts";
import type { LogRow, RunRecord } from "../domain/run.ts";
import { type Phase2Context, resultOf } from "../internal/runs.ts";
import type { EventsAnswer, LeaseView, RunAnswer } from "./api.ts";
import { budgetOf, dayBudgetOf } from "./budget.ts";
import { eventView, parsed } from "./event-view.ts";
import { refuse } from "./refusal.ts";
import { snapshotOf, summaryOf } from "./runs-list.ts";

export const EVENTS_SHOWN = 1_000;

export interface DetailDeps {
  readonly store: Store;
  /** Whether this server can start runs. */
  readonly canStart: boolean;
  readonly nowMs: number;
  /** Newest log rows that are shown; default 1,000. */
  readonly events?: number;
}

/** Throws `unknown_run`. */
export async function readRun(runs: Pick<Store["runs"], "read">, id: string): Promise<RunRecord> {
  const record = await runs.read(id);
  if (record === null) throw refuse("unknown_run", "There is no run of this id here.");
  return record;
}

/** All that is known of one run. */
export async function runDetail(id: string, deps: DetailDeps): Promise<RunAnswer> {
  const { store, nowMs, events = EVENTS_SHOWN } = deps;
  const record = await readRun(store.runs, id);
  const at = snapshotOf(record);
  const [log, job, life, rival, day] = await Promise.all([
    store.runs.tail({ run: id, limit: events + 1 }),
    store.jobs.read(record.space),
    store.owners.probe(record.owner),
    store.runs.list({ space: record.space, state: "active", limit: 1 }),
    dayBudgetOf(store.runs, record, at.context.settings ?? {}, nowMs),
  ]);
  const shown = log.slice(-events);
  return {
    run: summaryOf(record),
    owner: { id: record.owner, life },
    lease: leaseOf(record, at.context, job, log),
    job,
    result: await readableResult(store, id),
    snapshot: parsed(record.snapshot),
    budget: [...budgetOf(record, at, log, nowMs), ...day],
    can: {
      cancel: mayCancel(record, at.value),
      retry: mayRetry(record, job, rival[0] ?? null, deps.canStart),
    },
    events: shown.map(eventView),
    hasEarlier: log.length > shown.length,
    machine: { id: record.machine, version: record.version, hash: record.hash },
  };
}

/** A run of another version may have ended in ways that cannot be read here; the rest of it can be shown. */
async function readableResult(store: Store, id: string): Promise<RunAnswer["result"]> {
  try {
    return await resultOf(store, id);
  } catch (error) {
    if (error instanceof SlowwaveError) throw error;
    return null;
  }
}

/** `GET /api/runs/:id/events`: the rows before the ones that are shown. */
export async function earlierEvents(
  runs: Pick<Store["runs"], "read" | "tail">,
  id: string,
  { before, limit }: { readonly before?: number | undefined; readonly limit: number },
): Promise<EventsAnswer> {
  await readRun(runs, id);
  const found = await runs.tail({ ...(before === undefined ? {} : { before }), run: id, limit: limit + 1 });
  return { events: found.slice(-limit).map(eventView), hasEarlier: found.length > limit };
}

function leaseOf(
  record: RunRecord,
  { token, settings }: Partial<Phase2Context>,
  job: JobRow | null,
  log: readonly LogRow[],
): LeaseView | null {
  const holds = job?.status === "running" && job.ownership_token === token && record.state === "active";
  if (!holds || settings === undefined) return null;
  const { leaseSeconds, heartbeatSeconds } = settings;
  return {
    leaseUntilMs: (job.lease_until ?? 0) * 1_000,
    lastBeatAtMs: log.findLast(({ type }) => type === "lease.renewed")?.atMs ?? null,
    leaseSeconds,
    heartbeatSeconds,
  };
}

type May = RunAnswer["can"]["cancel"];

function mayCancel(record: RunRecord, value: string): May {
  if (record.state !== "active") return { ok: false, why: "The run is over." };
  if (record.cancelRequestedAtMs !== null) {
    return { ok: false, why: "It is asked to cancel already; its process sees it within two seconds." };
  }
  if (value === "publishing.committing" || value.startsWith("succeeding")) {
    return { ok: false, why: "Past the point of no return: the publish is brought to its end." };
  }
  if (value.startsWith("failing")) return { ok: false, why: "It is ending already." };
  return {
    ok: true,
    why: "Ends the agent and releases the job; the memory stays as it is, and nothing is lost.",
  };
}

function mayRetry(record: RunRecord, job: JobRow | null, rival: RunRecord | null, canStart: boolean): May {
  if (record.state === "active") return { ok: false, why: "It is not over; cancel it first." };
  if (rival !== null) return { ok: false, why: `Run ${rival.id} works on this space.` };
  if (!canStart) return { ok: false, why: "This server only looks; use `slowwave run --now`." };
  if (job === null || !isDirty(job)) {
    return { ok: false, why: "Nothing new since the last consolidation: a run would be skipped." };
  }
  return { ok: true, why: "Starts a new run of this space at once, whatever backoff or cooldown says." };
}
