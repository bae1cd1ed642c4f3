import { isLeaseAlive, type JobRow } from "../../domain/job.ts";
import type { Store } from "../../domain/ports.ts";
import { rowBeforeKilledControl } from "../../internal/runs.ts";
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
      if (owner === "dead") return warning("lease", told, await mendOf(store, job));
      return isLeaseAlive(job, now)
        ? fine("lease", told)
        : warning("lease", `${told}: it ran out`, "slowwave run");
    }),
  );
}

/** A run is continued, and what an apply or purge left is given back; of another program only the lease is known. */
async function mendOf(store: Store, job: JobRow): Promise<string> {
  const [run] = await store.runs.list({ space: job.job_key, state: "active", limit: 1 });
  const isOurs = run !== undefined || (await rowBeforeKilledControl(store, job)) !== null;
  return isOurs ? "slowwave recover" : "slowwave run, when the lease is over";
}
