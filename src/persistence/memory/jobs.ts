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
  isHeldUnder,
  isUnowned,
  type JobRow,
  type JobStore,
  type Lease,
  leaseUntil,
  owns,
  refusal,
  type Settled,
} from "../../domain/job.ts";
import type { MemoryWorld } from "./world.ts";

export function memoryJobs({
  jobs,
  settlements,
  before = new Map(),
  settledAt = new Map(),
}: Pick<MemoryWorld, "jobs" | "settlements"> & Partial<Pick<MemoryWorld, "before" | "settledAt">>): JobStore {
  function settled(
    { lease, nowMs }: { readonly lease: Lease; readonly nowMs: number },
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
    settledAt.set(trace(space, token), { space, atMs: nowMs });
    return "applied";
  }

  function read(space: string): JobRow | null {
    return jobs.get(space) ?? null;
  }

  function put(row: JobRow): void {
    jobs.set(row.job_key, row);
  }

  function given(row: JobRow, { token, remember }: ClaimRequest): ClaimOutcome {
    put(row);
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
      return { space, token, fence: next.fence };
    },
    enqueue: async (space, watermark) => put(applyEnqueue(read(space), space, watermark)),
    read: async (space) => read(space),
    rowBeforeClaim: async (space, token) => rowBeforeClaim(space, token),
    list: async () => [...jobs.values()].sort((a, b) => (a.job_key < b.job_key ? -1 : 1)),
  };
}

function trace(space: string, token: string): string {
  return JSON.stringify([space, token]);
}
