import type { Clock } from "../domain/clock.ts";
import { type JobRow, tokenHeldBy } from "../domain/job.ts";
import type { Store } from "../domain/ports.ts";

export interface FreeBench {
  readonly store: Pick<Store, "jobs" | "runs" | "owners">;
  readonly clock: Clock;
}

/** A parked run that keeps its space is among the last of it. */
const PARKED = 100;

/**
 * The row as it was before a control took the space that was killed since; null when nothing of the kind has it. A claim
 * that a run stands behind is for `recover` or `cancel`, and one that was not asked to be remembered is another
 * program's, of whose process nothing is known: its lease decides.
 */
export async function rowBeforeKilledControl(
  { jobs, runs, owners }: FreeBench["store"],
  row: JobRow | null,
): Promise<JobRow | null> {
  if (row?.status !== "running" || row.worker_id === null || row.ownership_token === null) return null;
  const { job_key: space } = row;
  const before = await jobs.rowBeforeClaim(space, row.ownership_token);
  if (before === null || (await owners.probe(row.worker_id)) !== "dead") return null;
  if ((await runs.list({ space, state: "active", limit: 1 })).length > 0) return null;
  const parked = await runs.list({ space, state: "parked", limit: PARKED });
  return parked.some((run) => tokenHeldBy(run, row) !== null) ? null : before;
}

/** Gives a space back that a killed control still has: at once, instead of when its lease is over. */
export async function freeSpace({ store, clock }: FreeBench, space: string): Promise<boolean> {
  const row = await store.jobs.read(space);
  const restore = await rowBeforeKilledControl(store, row);
  if (row?.ownership_token == null || restore === null) return false;
  const lease = { space, token: row.ownership_token, fence: row.fence };
  const release = { lease, reason: "abandoned", restore, nowMs: clock.nowMs() };
  return (await store.jobs.release(release)) === "applied";
}

/** Every space that a killed control still has. */
export async function spacesOfKilledControls(store: FreeBench["store"]): Promise<readonly string[]> {
  const spaces: string[] = [];
  for (const row of await store.jobs.list()) {
    if ((await rowBeforeKilledControl(store, row)) !== null) spaces.push(row.job_key);
  }
  return spaces;
}
