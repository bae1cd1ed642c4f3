/**
 * A store of one's own, written from the types and the rules of `slowwave` alone: here the job port, on a map that stands
 * for any database. A port only reads a row, asks the rules, and writes what they make of it, all in one transaction.
 */
import {
  type ClaimRequest,
  type DueJob,
  type JobRow,
  type JobStore,
  jobRules,
  type Lease,
  type Settled,
  type Store,
} from "slowwave";

type Place = Pick<DueJob, "dueAtMs" | "space">;
const byDue = (a: Place, b: Place) => a.dueAtMs - b.dueAtMs || (a.space < b.space ? -1 : 1);

type Ending = "succeeded" | "failed" | "released";

export function openOwnStore(): Store {
  const jobs = new Map<string, JobRow>();
  const before = new Map<string, { readonly token: string; readonly row: JobRow }>();
  const endings = new Map<string, Ending>();
  const read = (space: string) => jobs.get(space) ?? null;
  const dueSince = new Map<string, number | null>();
  const put = (row: JobRow) => {
    const space = row.job_key;
    const since = dueSince.get(space) ?? null;
    dueSince.set(space, jobRules.nextDueSince(read(space), row, since, Date.now()));
    jobs.set(space, row);
  };
  const traceOf = ({ space, token }: { space: string; token: string }) => JSON.stringify([space, token]);
  const rowBefore = (space: string, token: string) => {
    const kept = before.get(space);
    return kept?.token === token ? kept.row : null;
  };

  function give(row: JobRow, { space, token, remember }: ClaimRequest) {
    put(row);
    return jobRules.claimAnswer(row, remember ? rowBefore(space, token) : null);
  }

  /** A write that ends the job, guarded by the lease; repeated, it finds its own trace. */
  function settle(lease: Lease, ending: Ending, change: (row: JobRow) => JobRow, orUnowned = false): Settled {
    const row = read(lease.space);
    const isMine = jobRules.owns(row, lease) || (orUnowned && jobRules.isUnowned(row));
    if (!isMine || row === null) return endings.get(traceOf(lease)) === ending ? "already" : "lost";
    put(change(row));
    endings.set(traceOf(lease), ending);
    return "applied";
  }

  const port: JobStore = {
    claim: async (request) => {
      const row = read(request.space);
      if (jobRules.isHeldUnder(row, request.token))
        return give(jobRules.applyTakeover(row, request), request);
      const refused = jobRules.refusal(row, request);
      if (refused !== null || row === null) return refused ?? { kind: "skipped", why: "not-dirty" };
      endings.delete(traceOf(request));
      if (request.remember) before.set(request.space, { token: request.token, row });
      return give(jobRules.applyClaim(row, request), request);
    },
    renew: async (leases, times) => {
      const lost: string[] = [];
      for (const lease of leases) {
        const row = read(lease.space);
        if (jobRules.owns(row, lease)) put({ ...row, lease_until: jobRules.leaseUntil(times) });
        else lost.push(lease.space);
      }
      return { lost };
    },
    succeed: async (by) => settle(by.lease, "succeeded", (row) => jobRules.applySuccess(row, by)),
    fail: async (by) => settle(by.lease, "failed", (row) => jobRules.applyFailure(row, by)),
    failUnowned: async (by) => settle(by.lease, "failed", (row) => jobRules.applyFailure(row, by), true),
    release: async ({ lease, reason, restore }) =>
      settle(lease, "released", (row) =>
        restore ? jobRules.applyRestore(row, restore) : jobRules.applyRelease(row, reason),
      ),
    takeOver: async ({ space, token, ...by }) => {
      const row = read(space);
      if (!jobRules.isHeldUnder(row, token)) return null;
      const next = jobRules.applyTakeover(row, by);
      put(next);
      return { space, token, fence: next.fence };
    },
    enqueue: async (space, watermark) => put(jobRules.applyEnqueue(read(space), space, watermark)),
    read: async (space) => read(space),
    rowBeforeClaim: async (space, token) => rowBefore(space, token),
    due: async ({ limit, after, ...claim }) =>
      [...jobs.values()]
        .filter((row) => jobRules.refusal(row, { ...claim, force: false }) === null)
        .map((row) => ({
          space: row.job_key,
          row,
          dueAtMs: jobRules.dueAtMs(row, dueSince.get(row.job_key) ?? null),
        }))
        .filter((job) => after === undefined || byDue(after, job) < 0)
        .sort(byDue)
        .slice(0, limit),
    list: async ({ limit, after = "", status, lastError }) =>
      [...jobs.values()]
        .filter((row) => after < row.job_key)
        .filter(
          (row) => (status ?? row.status) === row.status && (lastError ?? row.last_error) === row.last_error,
        )
        .sort((a, b) => (a.job_key < b.job_key ? -1 : 1))
        .slice(0, limit),
  };
  // The other ports come next; the parts of the suite say in which order.
  const clock = { clock: "caller", nowMs: async () => Date.now() } as const;
  return { ...clock, jobs: port, close: async () => {} } as Store;
}
