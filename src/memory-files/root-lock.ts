import { type Clock, pause } from "../domain/clock.ts";
import { SlowwaveError } from "../domain/failure.ts";
import { DEFAULT_RETRIES, everyJob, type JobRow, type Lease, tokenHeldBy } from "../domain/job.ts";
import type { Store } from "../domain/ports.ts";
import type { RootDeps } from "./deps.ts";

const PATIENCE_MS = 30_000;
const RETRY_MS = 100;

/**
 * Does `work` as the only one who touches the memory root of the space. Waits for another holder up to 30 s, then
 * rejects with `root_busy`; stops waiting when `signal` aborts. The lock dies with the process.
 */
export async function withRootLock<Result>(
  deps: Pick<RootDeps, "store" | "clock">,
  space: string,
  work: () => Promise<Result>,
  signal?: AbortSignal,
): Promise<Result> {
  const lock = await acquired(deps, space, signal);
  try {
    return await work();
  } finally {
    await lock.unlock();
  }
}

async function acquired(
  { store, clock }: Pick<RootDeps, "store" | "clock">,
  space: string,
  signal?: AbortSignal,
) {
  const since = clock.monotonicMs();
  for (;;) {
    const lock = await store.locks.lock(`root:${space}`);
    if (lock !== null) return lock;
    if (clock.monotonicMs() - since >= PATIENCE_MS) {
      throw new SlowwaveError(
        "root_busy",
        "Another process is changing this memory folder; run again when it is done.",
      );
    }
    await pause(clock, RETRY_MS, signal);
  }
}

/** A space that a control has for itself, under a lease of its own. */
export interface TakenSpace {
  readonly lease: Lease;
  /** The job's row as it was; what it is given back as, unless the control settles it. */
  readonly before: JobRow;
}

/** Publishing takes well under a second; who is killed in the middle holds up only programs that don't look for it. */
export const CONTROL_LEASE_SECONDS = 120;

/**
 * Claims the job of a space for a control: whatever its backoff or budget, never over a living run.
 * `clean`: there is nothing to consolidate, so nothing to claim.
 */
export async function takeSpace(
  { store, clock }: { readonly store: Pick<Store, "jobs">; readonly clock: Clock },
  request: { readonly space: string; readonly worker: string; readonly token: string },
): Promise<TakenSpace | "running" | "clean"> {
  const { space, worker, token } = request;
  const row = await store.jobs.read(space);
  const outcome = await store.jobs.claim({
    space,
    worker,
    token,
    leaseSeconds: CONTROL_LEASE_SECONDS,
    successCooldownSeconds: 0,
    // Whatever its backoff and budget; the row comes back as it was unless the control settles it.
    force: true,
    retries: DEFAULT_RETRIES,
    nowMs: clock.nowMs(),
    remember: true,
  });
  if (outcome.kind === "skipped") return outcome.why === "not-dirty" ? "clean" : "running";
  const lease = { space, token, fence: outcome.fence };
  return { lease, before: outcome.before ?? (row as JobRow) };
}

export interface FreeSpaceDeps {
  readonly store: Pick<Store, "jobs" | "runs" | "liveness">;
  readonly clock: Clock;
}

/** A parked run that keeps its space is among the last of it. */
const PARKED = 100;

/**
 * The row as it was before a control took the space that was killed since; null when nothing of the kind has it. A claim
 * that a run stands behind is for `recover` or `cancel`, and one that was not asked to be remembered is another
 * program's, of whose process nothing is known: its lease decides.
 */
export async function rowBeforeAbandonedOperation(
  { jobs, runs, liveness }: FreeSpaceDeps["store"],
  row: JobRow | null,
): Promise<JobRow | null> {
  if (row?.status !== "running" || row.worker_id === null || row.ownership_token === null) return null;
  const { job_key: space } = row;
  const before = await jobs.rowBeforeClaim(space, row.ownership_token);
  if (before === null || (await liveness.probe(row.worker_id)) !== "dead") return null;
  if ((await runs.list({ space, state: "active", limit: 1 })).length > 0) return null;
  const parked = await runs.list({ space, state: "parked", limit: PARKED });
  return parked.some((run) => tokenHeldBy(run, row) !== null) ? null : before;
}

/** Gives a space back that a killed control still has: at once, instead of when its lease is over. */
export async function freeSpace({ store, clock }: FreeSpaceDeps, space: string): Promise<boolean> {
  const row = await store.jobs.read(space);
  const restore = await rowBeforeAbandonedOperation(store, row);
  if (row?.ownership_token == null || restore === null) return false;
  const lease = { space, token: row.ownership_token, fence: row.fence };
  const release = { lease, reason: "abandoned", restore, nowMs: clock.nowMs() };
  return (await store.jobs.release(release)) === "applied";
}

/** Every space that a killed control still has. */
export async function spacesOfAbandonedOperations(store: FreeSpaceDeps["store"]): Promise<readonly string[]> {
  const spaces: string[] = [];
  for await (const row of everyJob(store.jobs, { status: "running" })) {
    if ((await rowBeforeAbandonedOperation(store, row)) !== null) spaces.push(row.job_key);
  }
  return spaces;
}
