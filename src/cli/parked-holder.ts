import type { JobRow } from "../domain/job.ts";
import { contextOf, type RunRecord } from "../domain/run.ts";

/** Whether this parked run keeps others from the job: under its token, or, where its state can't be read, by its owner. */
export function isParkedHolder(run: RunRecord, job: JobRow | null): boolean {
  if (run.state !== "parked" || job?.status !== "running") return false;
  const { token } = contextOf(run);
  return token === undefined ? job.worker_id === run.owner : job.ownership_token === token;
}
