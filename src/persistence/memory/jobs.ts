import {
  applyClaim,
  applyEnqueue,
  applyFailure,
  applyRelease,
  applyRestore,
  applySuccess,
  applyTakeover,
  type ClaimOutcome,
  type ClaimRequest,
  claimAnswer,
  type DueJob,
  dueAtMs,
  isHeldUnder,
  isUnowned,
  type JobRow,
  type JobStore,
  type Lease,
  leaseUntil,
  nextDueSince,
  owns,
  refusal,
  type Settled,
} from "../../domain/job.ts";
import { machineNowMs } from "../machine-clock.ts";
import { byBytes, type MemoryWorld } from "./world.ts";

type JobWorld = Pick<MemoryWorld, "jobs" | "settlements"> &
  Partial<Pick<MemoryWorld, "before" | "settledAt" | "dueSince" | "fleet">>;

/** Writes a row, and with it since when it is due. */
function putJob({ jobs, dueSince }: Pick<JobWorld, "jobs" | "dueSince">, row: JobRow, nowMs: number): void {
  const space = row.job_key;
  const since = nextDueSince(jobs.get(space) ?? null, row, dueSince?.get(space) ?? null, nowMs);
  jobs.set(space, row);
  if (since === null) dueSince?.delete(space);
  else dueSince?.set(space, since);
}

/** Makes a space dirty. */
export function enqueueIn(
  world: Pick<JobWorld, "jobs" | "dueSince">,
  space: string,
  watermark: number,
  nowMs: number,
): void {
  putJob(world, applyEnqueue(world.jobs.get(space) ?? null, space, watermark), nowMs);
}

export function memoryJobs(world: JobWorld, nowMs: () => number = machineNowMs): JobStore {
  const { jobs, settlements, before = new Map(), settledAt = new Map(), dueSince = new Map() } = world;

  function settled(
    { lease, nowMs: atMs }: { readonly lease: Lease; readonly nowMs: number },
    outcome: "succeeded" | "failed" | "released",
    change: (row: JobRow) => JobRow,
    isAllowed = owns(read(lease.space), lease),
  ): Settled {
    const row = read(lease.space);
    if (row === null || !isAllowed) {
      return settlements.get(trace(lease.space, lease.token)) === outcome ? "already" : "lost";
    }
    put(change(row));
    const { space, token } = lease;
    settlements.set(trace(space, token), outcome);
    settledAt.set(trace(space, token), { space, atMs });
    return "applied";
  }

  function read(space: string): JobRow | null {
    return jobs.get(space) ?? null;
  }

  function put(row: JobRow): void {
    putJob({ jobs, dueSince }, row, nowMs());
  }

  function given(row: JobRow, { token, remember }: ClaimRequest): ClaimOutcome {
    put(row);
    world.fleet?.admissions.delete(row.job_key);
    return claimAnswer(row, remember === true ? rowBeforeClaim(row.job_key, token) : null);
  }

  function rowBeforeClaim(space: string, token: string): JobRow | null {
    const kept = before.get(space);
    return kept?.token === token ? kept.row : null;
  }

  return {
    claim: async (request: ClaimRequest) => {
      const row = read(request.space);
      if (isHeldUnder(row, request.token)) return given(applyTakeover(row, request), request);
      const no = refusal(row, request);
      if (no !== null || row === null) return no ?? { kind: "skipped", why: "not-dirty" };
      settlements.delete(trace(request.space, request.token));
      if (request.remember) before.set(request.space, { token: request.token, row });
      return given(applyClaim(row, request), request);
    },
    renew: async (leases, times) => {
      const lost: string[] = [];
      for (const lease of leases) {
        const row = read(lease.space);
        if (owns(row, lease)) put({ ...row, lease_until: leaseUntil(times) });
        else lost.push(lease.space);
      }
      return { lost };
    },
    succeed: async (by) => settled(by, "succeeded", (row) => applySuccess(row, by)),
    fail: async (by) => settled(by, "failed", (row) => applyFailure(row, by)),
    failUnowned: async (by) => {
      const row = read(by.lease.space);
      return settled(by, "failed", (of) => applyFailure(of, by), owns(row, by.lease) || isUnowned(row));
    },
    release: async (by) =>
      settled(by, "released", (row) =>
        by.restore ? applyRestore(row, by.restore) : applyRelease(row, by.reason),
      ),
    takeOver: async ({ space, token, ...by }) => {
      const row = read(space);
      if (!isHeldUnder(row, token)) return null;
      const next = applyTakeover(row, by);
      put(next);
      world.fleet?.admissions.delete(space);
      return { space, token, fence: next.fence };
    },
    enqueue: async (space, watermark) => enqueueIn({ jobs, dueSince }, space, watermark, nowMs()),
    read: async (space) => read(space),
    rowBeforeClaim: async (space, token) => rowBeforeClaim(space, token),
    ...jobLists(jobs, dueSince),
  };
}

/** Rows by their keys, and what is due by how long it is. */
function jobLists(
  jobs: ReadonlyMap<string, JobRow>,
  dueSince: ReadonlyMap<string, number>,
): Pick<JobStore, "due" | "list"> {
  return {
    due: async ({ limit, after, ...claim }) =>
      [...jobs.values()]
        .filter((row) => refusal(row, { ...claim, force: false }) === null)
        .map((row) => ({
          space: row.job_key,
          row,
          dueAtMs: dueAtMs(row, dueSince.get(row.job_key) ?? null),
        }))
        .filter((one) => after === undefined || byDue(after, one) < 0)
        .sort(byDue)
        .slice(0, limit),
    list: async ({ limit, after, status, lastError }) =>
      [...jobs.values()]
        .filter((row) => after === undefined || byBytes(after, row.job_key) < 0)
        .filter((row) => status === undefined || row.status === status)
        .filter((row) => lastError === undefined || row.last_error === lastError)
        .sort((a, b) => byBytes(a.job_key, b.job_key))
        .slice(0, limit),
  };
}

type DuePlace = Pick<DueJob, "dueAtMs" | "space">;

function byDue(a: DuePlace, b: DuePlace): number {
  return a.dueAtMs - b.dueAtMs || byBytes(a.space, b.space);
}

function trace(space: string, token: string): string {
  return JSON.stringify([space, token]);
}
