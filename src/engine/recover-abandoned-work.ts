import type { JobRow, Lease } from "../domain/job.ts";
import type { Store } from "../domain/ports.ts";
import { contextOf, type RunRecord } from "../domain/run.ts";
import { DEFAULT_SETTINGS } from "../domain/settings.ts";
import { outcomeOf } from "../domain/status.ts";
import type { Phase2Context } from "../machines/context.ts";
import { finishJournals } from "../memory-files/publish.ts";
import { withRootLock } from "../memory-files/root-lock.ts";
import { type FreeBench, freeSpace, spacesOfKilledControls } from "../memory-files/take-space.ts";
import type { RootBench } from "../memory-files/workbench.ts";

interface Deps {
  readonly store: RootBench["store"] & Pick<Store, "jobs" | "runs" | "owners">;
  /** This process's owner id, under which an abandoned job is settled. */
  readonly owner: string;
}

/**
 * Repairs what dead or failed processes left beside their runs, in one space or in all, before anything is claimed:
 * a publish that broke off is brought to its end, the space of a killed `apply` or `purge` is given back, and a job
 * that is still held by a run that is over is settled as that run ended.
 */
export async function recoverAbandonedWork(
  deps: RootBench & FreeBench & Deps,
  rootOf: (space: string) => string,
  space?: string,
): Promise<void> {
  for (const one of space === undefined ? await spacesWithAbandonedWork(deps) : [space]) {
    await finishPublish(deps, one, rootOf(one));
    await freeSpace(deps, one);
    await settleAbandonedJob(deps, one);
  }
}

/** Spaces whose run is unfinished are not among them: they are looked at when their run goes on. */
async function spacesWithAbandonedWork({ store }: FreeBench & Deps): Promise<readonly string[]> {
  const spaces = new Set(await spacesOfKilledControls(store));
  for (const job of await store.jobs.list()) {
    const isBroken = job.last_error === "failed_publish" || (await abandonedBy(store, job)) !== null;
    if (isBroken) spaces.add(job.job_key);
  }
  return [...spaces];
}

/** A root that can't be written is left to the next run, which has a status for it. */
async function finishPublish(deps: RootBench, space: string, root: string): Promise<void> {
  if ((await deps.store.generations.openJournal(space)) === null) return;
  await withRootLock(deps, space, () => finishJournals(deps, space, root)).catch(() => {});
}

/** The run that left a job `running` is among the newest of its space. */
const SEARCHED_RUNS = 20;

/**
 * The finished run whose token still holds this row, or null. The answer of its claim was lost, or the store failed
 * when its end was to be written to the row; the row would otherwise keep the space until the lease is over.
 */
async function abandonedBy(store: Pick<Store, "runs">, row: JobRow | null): Promise<RunRecord | null> {
  if (row?.status !== "running" || row.ownership_token === null) return null;
  const newest = await store.runs.list({ space: row.job_key, limit: SEARCHED_RUNS });
  const isAbandoned = (run: RunRecord) =>
    (run.state === "done" || run.state === "error") && contextOf(run).token === row.ownership_token;
  return newest.find(isAbandoned) ?? null;
}

/** Settles the job as its finished run would have: nobody acts for that run any more, so its token may be used. */
async function settleAbandonedJob({ store, clock, owner }: FreeBench & Deps, space: string): Promise<void> {
  const row = await store.jobs.read(space);
  const run = await abandonedBy(store, row);
  if (run === null || row?.ownership_token == null) return;
  const { settings = DEFAULT_SETTINGS, ...context } = contextOf(run) as Partial<Phase2Context>;
  const { leaseSeconds, retryDelaySeconds } = { ...DEFAULT_SETTINGS, ...settings };
  const request = { space, token: row.ownership_token, worker: owner, leaseSeconds, nowMs: clock.nowMs() };
  const lease: Lease | null = await store.jobs.takeOver(request);
  if (lease === null) return;
  const status = context.status ?? "failed_agent";
  // As of when the run ended: what it waits for since then is not waited for again.
  const nowMs = run.updatedAtMs;
  if (context.before) {
    await store.jobs.release({ lease, reason: "dry run", restore: context.before, nowMs });
  } else if (status === "cancelled" || status === "failed_claim") {
    await store.jobs.release({ lease, reason: status, nowMs });
  } else if (outcomeOf(status) === "succeeded") {
    await store.jobs.succeed({ lease, watermark: context.completionWatermark ?? 0, nowMs });
  } else {
    await store.jobs.fail({ lease, reason: status, retryDelaySeconds, nowMs });
  }
}
