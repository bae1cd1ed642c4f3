import type { Database, Statement } from "better-sqlite3";
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
  DEFAULT_RETRIES,
  type DueJob,
  type DueRequest,
  isHeldUnder,
  JOB_KIND,
  type JobKind,
  type JobPage,
  type JobRow,
  type JobStore,
  type Lease,
  leaseUntil,
  refusal,
  type Settled,
} from "../../domain/job.ts";
import { JOB_COLUMNS } from "../columns.ts";
import { GROUP_LIMIT, type Writer } from "./writer.ts";

/** "This row is mine": every guarded write names it, with `held(lease)` as its parameters. */
function guards(kind: JobKind) {
  const row = `kind = '${kind}' and job_key = @space`;
  const running = `${row} and status = 'running'`;
  const mine = "ownership_token = @lease_token and fence = @lease_fence";
  return {
    row,
    running,
    mine: `${running} and ${mine}`,
    /** Mine, or a running row that carries no token (the original's fallback). */
    mineOrUnowned: `${running} and ((${mine}) or ownership_token is null)`,
  };
}

function held({ space, token, fence }: Lease) {
  return { space, lease_token: token, lease_fence: fence };
}

const ASSIGNMENTS = JOB_COLUMNS.map((column) => `${column} = @${column}`).join(", ");

/** The rows of one kind in the table `jobs`, as steps of a transaction that someone else holds. */
export interface JobTable {
  readonly kind: JobKind;
  read(space: string): JobRow | null;
  list(page: JobPage): readonly JobRow[];
  due(request: DueRequest): readonly DueJob[];
  insert(row: JobRow): void;
  /** Unguarded: only after reading the row in the same transaction. */
  replace(row: JobRow): void;
  /** Guarded by the lease. False: it is no longer the lease's, and nothing was written. */
  replaceMine(row: JobRow, lease: Lease): boolean;
  replaceMineOrUnowned(row: JobRow, lease: Lease): boolean;
  isMine(lease: Lease): boolean;
  isRunning(space: string): boolean;
  /** Extends the lease. False: it is no longer the lease's. */
  beat(lease: Lease, times: { readonly until: number; readonly now: number }): boolean;
  remove(space: string): void;
  enqueue(space: string, watermark: number): void;
}

/** What `isDirty` says, as the index of what is due says it. */
export const DIRTY = "coalesce(input_watermark, 0) > coalesce(last_success_watermark, 0)";
/** What `dueAtMs` says, likewise. */
export const DUE_AT = "max(coalesce(due_since, 0), coalesce(retry_at, 0) * 1000)";
/** What `nextDueSince` says of the row that is written; a column's name alone is the row before. */
const DUE_SINCE = `case
  when coalesce(@input_watermark, 0) <= coalesce(@last_success_watermark, 0) then null
  when due_since is null or (status = 'running' and @status = 'done') then @due_now
  else due_since end`;

/** `nowMs`: since when what becomes dirty is due. */
export function jobTable(db: Database, nowMs: () => number, kind: JobKind = JOB_KIND): JobTable {
  const guard = guards(kind);
  const select = `select ${JOB_COLUMNS.join(", ")} from jobs`;
  const one = db.prepare<{ space: string }, JobRow>(`${select} where ${guard.row}`);
  const insert = db.prepare<JobRow & { due_now: number }>(
    `insert into jobs (${JOB_COLUMNS.join(", ")}, due_since) values (${JOB_COLUMNS.map((column) => `@${column}`).join(", ")},
       case when coalesce(@input_watermark, 0) > coalesce(@last_success_watermark, 0) then @due_now end)`,
  );
  const replaceWhere = (where: string) =>
    db.prepare(`update jobs set ${ASSIGNMENTS}, due_since = ${DUE_SINCE} where ${where}`);
  const replace = replaceWhere(guard.row);
  const replaceMine = replaceWhere(guard.mine);
  const replaceMineOrUnowned = replaceWhere(guard.mineOrUnowned);
  const isMine = db.prepare(`select 1 from jobs where ${guard.mine}`);
  const isRunning = db.prepare<{ space: string }>(`select 1 from jobs where ${guard.running}`);
  const beat = db.prepare(`update jobs set lease_until = @until, last_beat_at = @now where ${guard.mine}`);
  const remove = db.prepare<{ space: string }>(`delete from jobs where ${guard.row}`);

  function read(space: string): JobRow | null {
    return one.get({ space }) ?? null;
  }

  function isChanged(statement: Statement, row: JobRow, lease: Lease): boolean {
    return statement.run({ ...row, ...held(lease), due_now: nowMs() }).changes === 1;
  }

  return {
    kind,
    read,
    ...jobLists(db, kind),
    insert: (row) => void insert.run({ ...row, due_now: nowMs() }),
    replace: (row) => void replace.run({ ...row, space: row.job_key, due_now: nowMs() }),
    replaceMine: (row, lease) => isChanged(replaceMine, row, lease),
    replaceMineOrUnowned: (row, lease) => isChanged(replaceMineOrUnowned, row, lease),
    isMine: (lease) => isMine.get(held(lease)) !== undefined,
    isRunning: (space) => isRunning.get({ space }) !== undefined,
    beat: (lease, times) => beat.run({ ...held(lease), ...times }).changes === 1,
    remove: (space) => void remove.run({ space }),
    enqueue: (space, watermark) => {
      const row = read(space);
      const next = applyEnqueue(row, space, watermark);
      if (row === null) insert.run({ ...next, due_now: nowMs() });
      else replace.run({ ...next, space, due_now: nowMs() });
    },
  };
}

/** Rows of a kind by their keys, and what is due by how long it is. */
function jobLists(db: Database, kind: JobKind): Pick<JobTable, "list" | "due"> {
  const select = `select ${JOB_COLUMNS.join(", ")}`;
  const listWhere = (where: string) =>
    db.prepare<Required<JobPage>, JobRow>(
      `${select} from jobs where kind = '${kind}' and job_key > @after ${where} order by job_key limit @limit`,
    );
  const byStatus = "and status = @status";
  const byError = "and last_error = @lastError";
  const lists = [listWhere(""), listWhere(byStatus), listWhere(byError), listWhere(`${byStatus} ${byError}`)];
  // The tests of `refusal`, in its order; what they leave is in the order of the index.
  const due = db.prepare<DueParameters, JobRow & { due_at: number }>(
    `${select}, ${DUE_AT} as due_at from jobs indexed by jobs_due
     where kind = '${kind}' and ${DIRTY}
       and (${DUE_AT}, job_key) > (@dueAtMs, @space)
       and ${DEFAULT_RETRIES} - retry_remaining < @retries
       and coalesce(retry_at, 0) <= @now
       and not (status = 'running' and coalesce(lease_until, 0) > @now)
       and not (@cooldown > 0 and last_error is null and coalesce(finished_at, 0) > @now - @cooldown)
     order by ${DUE_AT}, job_key limit @limit`,
  );
  return {
    list: ({ after = "", limit, status, lastError }) => {
      const which = (status === undefined ? 0 : 1) + (lastError === undefined ? 0 : 2);
      const statement = lists[which] as (typeof lists)[number];
      return statement.all({ after, limit, status: status ?? "pending", lastError: lastError ?? "" });
    },
    due: ({ limit, after, nowMs, successCooldownSeconds, retries }) =>
      due
        .all({
          dueAtMs: after?.dueAtMs ?? -1,
          space: after?.space ?? "",
          retries,
          now: Math.floor(nowMs / 1000),
          cooldown: successCooldownSeconds,
          limit,
        })
        .map(({ due_at, ...row }) => ({ space: row.job_key, row, dueAtMs: due_at })),
  };
}

interface DueParameters {
  readonly dueAtMs: number;
  readonly space: string;
  readonly retries: number;
  readonly now: number;
  readonly cooldown: number;
  readonly limit: number;
}

/** The rules are the domain's; this is their transactions. See `JobStore` for what each promises. */
export function sqliteJobs(db: Database, jobs: JobTable, { write, read }: Writer): JobStore {
  const settlements = settlementTable(db);
  const THIS_JOB = `kind = '${jobs.kind}' and job_key = ?`;
  const keepBefore = db.prepare<[string, string]>(`update jobs set before_claim = ? where ${THIS_JOB}`);
  const readBefore = db
    .prepare<[string], string | null>(`select before_claim from jobs where ${THIS_JOB}`)
    .pluck();

  function claim(request: ClaimRequest): ClaimOutcome {
    const row = jobs.read(request.space);
    if (isHeldUnder(row, request.token)) return given(applyTakeover(row, request), request);
    const no = refusal(row, request);
    if (no !== null || row === null) return no ?? { kind: "skipped", why: "not-dirty" };
    settlements.remove(request.space, request.token);
    if (request.remember) keepBefore.run(JSON.stringify({ token: request.token, row }), request.space);
    return given(applyClaim(row, request), request);
  }

  function given(row: JobRow, { token, remember }: ClaimRequest): ClaimOutcome {
    jobs.replace(row);
    return claimAnswer(row, remember === true ? rowBeforeClaim(row.job_key, token) : null);
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
    const lost = leases.filter((lease) => !jobs.beat(lease, { until, now }));
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
      settlements.put(space, token, outcome, by.nowMs);
      return "applied";
    }
    return settlements.outcome(space, token) === outcome ? "already" : "lost";
  }

  return {
    claim: (request) => write(() => claim(request)),
    renew: async (leases, times) => {
      const batches = inBatches(leases).map((batch) => write(() => renewed(batch, times), batch.length));
      return { lost: (await Promise.all(batches)).flat() };
    },
    succeed: (by) => write(() => settled(by, "succeeded", (row) => applySuccess(row, by))),
    fail: (by) => write(() => settled(by, "failed", (row) => applyFailure(row, by))),
    failUnowned: (by) =>
      write(() => settled(by, "failed", (row) => applyFailure(row, by), jobs.replaceMineOrUnowned)),
    release: (by) =>
      write(() =>
        settled(by, "released", (row) =>
          by.restore ? applyRestore(row, by.restore) : applyRelease(row, by.reason),
        ),
      ),
    takeOver: ({ space, token, ...by }) =>
      write(() => {
        const row = jobs.read(space);
        if (!isHeldUnder(row, token)) return null;
        const next = applyTakeover(row, by);
        jobs.replace(next);
        return { space, token, fence: next.fence };
      }),
    enqueue: (space, watermark) => write(() => jobs.enqueue(space, watermark)),
    read: (space) => read(() => jobs.read(space)),
    rowBeforeClaim: (space, token) => read(() => rowBeforeClaim(space, token)),
    due: (request) => read(() => jobs.due(request)),
    list: (page) => read(() => jobs.list(page)),
  };
}

/** How a token's job was settled, so that a repeated settlement finds its own trace; steps of someone else's transaction. */
export function settlementTable(db: Database) {
  const outcome = db
    .prepare<[string, string], string>("select outcome from settlements where space = ? and token = ?")
    .pluck();
  const put = db.prepare<[string, string, string, number]>(
    "insert or replace into settlements (space, token, outcome, at) values (?, ?, ?, ?)",
  );
  const remove = db.prepare<[string, string]>("delete from settlements where space = ? and token = ?");
  return {
    outcome: (space: string, token: string) => outcome.get(space, token) ?? null,
    put: (space: string, token: string, how: string, atMs: number) => void put.run(space, token, how, atMs),
    remove: (space: string, token: string) => void remove.run(space, token),
  };
}

function inBatches(leases: readonly Lease[]): readonly (readonly Lease[])[] {
  const count = Math.ceil(leases.length / GROUP_LIMIT);
  return Array.from({ length: count }, (_, at) => leases.slice(at * GROUP_LIMIT, (at + 1) * GROUP_LIMIT));
}
