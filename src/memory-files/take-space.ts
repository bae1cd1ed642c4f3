import type { Clock } from "../domain/clock.ts";
import { DEFAULT_RETRIES, type JobRow, type Lease } from "../domain/job.ts";
import type { Store } from "../domain/ports.ts";

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
