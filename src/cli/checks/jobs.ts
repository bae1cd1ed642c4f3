import { isLeaseAlive } from "../../domain/job.ts";
import type { Store } from "../../domain/ports.ts";
import { about } from "../elapsed.ts";
import { type Check, fine, type Patient, warning } from "./check.ts";

/** Jobs that are held, by whom, and whether that one lives. */
export async function checkJobs({ at, store }: Patient): Promise<readonly Check[]> {
  const running = ((await store?.jobs.list()) ?? []).filter(({ status }) => status === "running");
  if (store === null || running.length === 0) return [fine("lease", "no job is held")];
  const now = Math.floor(at.world.nowMs() / 1000);
  return Promise.all(
    running.map(async (job) => {
      const owner = job.worker_id === null ? "unknown" : await store.owners.probe(job.worker_id);
      const left = about(Math.max(0, (job.lease_until ?? 0) - now));
      const told = `space ${job.job_key} is held by ${job.worker_id} (${owner}), lease ${left}`;
      if (owner === "dead") return warning("lease", told, await mendOf(store, job.job_key));
      return isLeaseAlive(job, now)
        ? fine("lease", told)
        : warning("lease", `${told}: it ran out`, "slowwave run");
    }),
  );
}

/** A run can be continued at once; for what else was killed there is nobody to continue it but who began it. */
async function mendOf(store: Store, space: string): Promise<string> {
  const [run] = await store.runs.list({ space, state: "active", limit: 1 });
  return run === undefined
    ? "repeat the apply or purge that was interrupted; else the next `slowwave run` after the lease takes over"
    : "slowwave recover";
}
