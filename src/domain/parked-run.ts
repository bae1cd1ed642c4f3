import type { JobRow } from "./job.ts";
import { contextOf, type RunRecord } from "./run.ts";

/**
 * The token under which a parked run still keeps others from its space's job; null when it keeps nobody. Every version
 * has kept it in the same place; where the run's state can't be read, the row that names the run's owner has it.
 */
export function tokenHeldBy(run: RunRecord, job: JobRow | null): string | null {
  if (run.state !== "parked" || job?.status !== "running") return null;
  const { token } = contextOf(run);
  const isItsOwn = typeof token === "string" ? job.ownership_token === token : job.worker_id === run.owner;
  return isItsOwn ? job.ownership_token : null;
}
