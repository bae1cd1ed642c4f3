import { SlowwaveError } from "../domain/failure.ts";
import type { Lease } from "../domain/job.ts";
import type { RunHold } from "../domain/phase2.ts";

/** The lease every change of the store names; rejects when this process holds none. */
export function heldLease(hold: Pick<RunHold, "lease">): Lease {
  const lease = hold.lease();
  if (lease === null) throw lostOwnership();
  return lease;
}

export function lostOwnership(): SlowwaveError {
  return new SlowwaveError("failed_lost_ownership", "Another worker owns the job of this space now.");
}
