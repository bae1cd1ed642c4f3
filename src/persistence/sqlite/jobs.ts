import type { Database } from "better-sqlite3";
import {
  type ClaimOutcome,
  type ClaimRequest,
  claimed,
  failed,
  granted,
  isHeldUnder,
  JOB_KIND,
  type JobRow,
  type JobStore,
  type Lease,
  leaseUntil,
  refusal,
  released,
  restored,
  type Settled,
  succeeded,
  takenOver,
} from "../../domain/job.ts";
import { held, IS_MINE, type JobTable } from "./job-table.ts";
import { GROUP_LIMIT, type Writer } from "./writer.ts";

/** The rules are the domain's; this is their transactions. See `JobStore` for what each promises. */
export function sqliteJobs(db: Database, jobs: JobTable, { write, read }: Writer): JobStore {
  const beat = db.prepare(`update jobs set lease_until = @until, last_beat_at = @now where ${IS_MINE}`);
  const settledAs = db.prepare("select outcome from settlements where space = ? and token = ?").pluck();
  const settle = db.prepare(
    "insert or replace into settlements (space, token, outcome, at) values (?, ?, ?, ?)",
  );
  const THIS_JOB = `kind = '${JOB_KIND}' and job_key = ?`;
  const keepBefore = db.prepare<[string, string]>(`update jobs set before_claim = ? where ${THIS_JOB}`);
  const readBefore = db
    .prepare<[string], string | null>(`select before_claim from jobs where ${THIS_JOB}`)
    .pluck();
  const unsettle = db.prepare("delete from settlements where space = ? and token = ?");

  function claim(request: ClaimRequest): ClaimOutcome {
    const row = jobs.read(request.space);
    if (isHeldUnder(row, request.token)) return given(takenOver(row, request), request);
    const no = refusal(row, request);
    if (no !== null || row === null) return no ?? { kind: "skipped", why: "not-dirty" };
    unsettle.run(request.space, request.token);
    if (request.remember) keepBefore.run(JSON.stringify({ token: request.token, row }), request.space);
    return given(claimed(row, request), request);
  }

  function given(row: JobRow, { token, remember }: ClaimRequest): ClaimOutcome {
    jobs.replace(row);
    return granted(row, remember === true ? rowBeforeClaim(row.job_key, token) : null);
  }

  function rowBeforeClaim(space: string, token: string): JobRow | null {
    const kept = JSON.parse(readBefore.get(space) ?? "null") as { token: string; row: JobRow } | null;
    return kept?.token === token ? kept.row : null;
  }

  function renewed(
    leases: readonly Lease[],
    times: { leaseSeconds: number; nowMs: number },
  ): readonly string[] {
    const until = leaseUntil(times);
    const now = Math.floor(times.nowMs / 1000);
    const lost = leases.filter((lease) => beat.run({ ...held(lease), until, now }).changes === 0);
    return lost.map(({ space }) => space);
  }

  /** `write` answers whether the guard held; if not, an earlier settlement of the same kind is looked for. */
  function settled(
    by: { readonly lease: Lease; readonly nowMs: number },
    outcome: "succeeded" | "failed" | "released",
    change: (row: JobRow) => JobRow,
    replaceGuarded: (row: JobRow, lease: Lease) => boolean = jobs.replaceMine,
  ): Settled {
    const { space, token } = by.lease;
    const row = jobs.read(space);
    if (row !== null && replaceGuarded(change(row), by.lease)) {
      settle.run(space, token, outcome, by.nowMs);
      return "applied";
    }
    return settledAs.get(space, token) === outcome ? "already" : "lost";
  }

  return {
    claim: (request) => write(() => claim(request)),
    renew: async (leases, times) => {
      const batches = inBatches(leases).map((batch) => write(() => renewed(batch, times), batch.length));
      return { lost: (await Promise.all(batches)).flat() };
    },
    succeed: (by) => write(() => settled(by, "succeeded", (row) => succeeded(row, by))),
    fail: (by) => write(() => settled(by, "failed", (row) => failed(row, by))),
    failUnowned: (by) =>
      write(() => settled(by, "failed", (row) => failed(row, by), jobs.replaceMineOrUnowned)),
    release: (by) =>
      write(() =>
        settled(by, "released", (row) => (by.restore ? restored(row, by.restore) : released(row, by.reason))),
      ),
    takeOver: ({ space, token, ...by }) =>
      write(() => {
        const row = jobs.read(space);
        if (!isHeldUnder(row, token)) return null;
        const next = takenOver(row, by);
        jobs.replace(next);
        return { space, token, fence: next.fence };
      }),
    enqueue: (space, watermark) => write(() => jobs.enqueue(space, watermark)),
    read: (space) => read(() => jobs.read(space)),
    rowBeforeClaim: (space, token) => read(() => rowBeforeClaim(space, token)),
    list: () => read(() => jobs.list()),
  };
}

function inBatches(leases: readonly Lease[]): readonly (readonly Lease[])[] {
  const count = Math.ceil(leases.length / GROUP_LIMIT);
  return Array.from({ length: count }, (_, at) => leases.slice(at * GROUP_LIMIT, (at + 1) * GROUP_LIMIT));
}
