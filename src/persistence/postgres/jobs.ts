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
  isDirty,
  isHeldUnder,
  isUnowned,
  JOB_KIND,
  type JobKind,
  type JobPage,
  type JobRow,
  type JobStore,
  type Lease,
  leaseUntil,
  owns,
  refusal,
  type Settled,
} from "../../domain/job.ts";
import { JOB_COLUMNS } from "../columns.ts";
import { type Database, type InOrder, inOrder, lockOf, type Query } from "./database.ts";

/** What the store takes for the time, in place of the database's own; null: that one. Given by tests. */
export type StoreClock = () => number | null;

/** The time by which a store decides. `$n` is what its `StoreClock` said. */
export function nowIn(parameter: string): string {
  return `coalesce(${parameter}::bigint, slowwave.now_ms())`;
}

/** Held by what must not happen at the same time as a claim of the space. */
export function spaceLock({ schema }: Database, space: string) {
  return lockOf(schema, `space ${space}`);
}

const COLUMNS = JOB_COLUMNS.join(", ");
const VALUES = JOB_COLUMNS.map((_, at) => `$${at + 1}`).join(", ");
const ASSIGNMENTS = JOB_COLUMNS.map((column, at) => `${column} = $${at + 1}`).join(", ");

const PLACE = new Map(JOB_COLUMNS.map((column, at) => [column as string, `$${at + 1}`]));
const DUE_NOW = `$${JOB_COLUMNS.length + 1}::bigint`;

/** What `isDirty` says, as the index of what is due says it. */
const DIRTY = "coalesce(input_watermark, 0) > coalesce(last_success_watermark, 0)";
/** What `dueAtMs` says, likewise. */
const DUE_AT = "greatest(coalesce(due_since, 0), coalesce(retry_at, 0) * 1000)";
/** What `nextDueSince` says of the row that is written; a column's name alone is the row before. */
const DUE_SINCE = `case
  when coalesce(${PLACE.get("input_watermark")}::bigint, 0)
    <= coalesce(${PLACE.get("last_success_watermark")}::bigint, 0) then null
  when due_since is null or (status = 'running' and ${PLACE.get("status")} = 'done') then ${DUE_NOW}
  else due_since end`;

/** The rows of one kind in the table `jobs`, as steps of a transaction that someone else holds. */
export function jobRows(kind: JobKind) {
  /** The row, which nobody else changes until the transaction ends, and the time after that was sure. */
  async function lock(query: Query, key: string, now: number | null) {
    const { rows } = await query<JobRow & { readonly nowMs: number }>(
      `with found as materialized
         (select ${COLUMNS} from slowwave.jobs where kind = $1 and job_key = $2 for update)
       select found.*, ${nowIn("$3")} as "nowMs" from (select 1) one left join found on true`,
      [kind, key, now],
    );
    const [{ nowMs, ...row } = { nowMs: 0, kind: null }] = rows;
    return { row: row.kind === null ? null : (row as JobRow), nowMs };
  }

  const valuesOf = (row: JobRow) => JOB_COLUMNS.map((column) => row[column]);

  /** Only after `lock` found the row, in the same transaction, and said the time. */
  async function replace(
    query: Query,
    row: JobRow,
    { nowMs, before }: { readonly nowMs: number; readonly before?: string },
  ): Promise<void> {
    await query(
      `update slowwave.jobs set ${ASSIGNMENTS}, due_since = ${DUE_SINCE}
         ${before === undefined ? "" : `, before_claim = $${JOB_COLUMNS.length + 2}`}
       where kind = $1 and job_key = $2`,
      [...valuesOf(row), nowMs, ...(before === undefined ? [] : [before])],
    );
  }

  /** False: there is one by now. */
  async function insert(query: Query, row: JobRow, nowMs: number): Promise<boolean> {
    const sql = `insert into slowwave.jobs (${COLUMNS}, due_since) values (${VALUES}, ${DUE_NOW}) on conflict do nothing`;
    return (await query(sql, [...valuesOf(row), isDirty(row) ? nowMs : null])).count === 1;
  }

  return {
    kind,
    lock,
    replace,
    insert,
    enqueue: async (query: Query, space: string, watermark: number, now: number | null): Promise<void> => {
      for (;;) {
        const { row, nowMs } = await lock(query, space, now);
        const next = applyEnqueue(row, space, watermark);
        if (row !== null) return replace(query, next, { nowMs });
        if (await insert(query, next, nowMs)) return;
      }
    },
    isMine: async (query: Query, lease: Lease): Promise<boolean> =>
      owns((await lock(query, lease.space, null)).row, lease),
    remove: async (query: Query, key: string): Promise<void> => {
      await query("delete from slowwave.jobs where kind = $1 and job_key = $2", [kind, key]);
    },
    read: async (query: Query, key: string): Promise<JobRow | null> => {
      const sql = `select ${COLUMNS} from slowwave.jobs where kind = $1 and job_key = $2`;
      return (await query<JobRow>(sql, [kind, key])).rows[0] ?? null;
    },
  };
}

export type JobRows = ReturnType<typeof jobRows>;

/** How a token's job was settled, so that a repeated settlement finds its own trace; steps of someone else's transaction. */
export const settlements = {
  outcome: async (query: Query, { space, token }: Lease): Promise<string | null> => {
    const sql = "select outcome from slowwave.settlements where space = $1 and token = $2";
    return (await query<{ outcome: string }>(sql, [space, token])).rows[0]?.outcome ?? null;
  },
  put: async (query: Query, { space, token }: Lease, outcome: string, atMs: number): Promise<void> => {
    await query(
      `insert into slowwave.settlements (space, token, outcome, at) values ($1, $2, $3, $4)
       on conflict (space, token) do update set outcome = excluded.outcome, at = excluded.at`,
      [space, token, outcome, atMs],
    );
  },
  remove: async (query: Query, space: string, token: string): Promise<void> => {
    await query("delete from slowwave.settlements where space = $1 and token = $2", [space, token]);
  },
};

/**
 * The rules are the domain's; this is their transactions. See `JobStore` for what each promises. Decided is by the
 * database's time, read once the row is locked: what the caller says is not looked at.
 */
export function postgresJobs(db: Database, jobs: JobRows, clock: StoreClock): JobStore {
  const order = inOrder();
  return {
    claim: (request) => {
      const now = clock();
      const locks = [spaceLock(db, request.space)];
      return order.one(request.space, () =>
        db.transaction((query) => claim(query, jobs, request, now), { locks }),
      );
    },
    ...settlingOf({ db, jobs, clock, order }),
    ...leasesOf({ db, jobs, clock, order }),
    enqueue: (space, watermark) => {
      const now = clock();
      return order.one(space, () => db.transaction((query) => jobs.enqueue(query, space, watermark, now)));
    },
    read: (space) => jobs.read(db.query, space),
    rowBeforeClaim: (space, token) => rowBeforeClaim(db.query, jobs.kind, space, token),
    ...listsOf(db, jobs.kind, clock),
  };
}

interface Parts {
  readonly db: Database;
  readonly jobs: JobRows;
  readonly clock: StoreClock;
  readonly order: InOrder;
}

/** Rows by their keys, and what is due by how long it is. */
function listsOf(db: Database, kind: JobKind, clock: StoreClock): Pick<JobStore, "list" | "due"> {
  return {
    list: async (page) => {
      const { where, values } = conditionsOf(page);
      const sql = `select ${COLUMNS} from slowwave.jobs where kind = $1 and job_key > $2 ${where} order by job_key limit $3`;
      return (await db.query<JobRow>(sql, [kind, page.after ?? "", page.limit, ...values])).rows;
    },
    due: async ({ limit, after, successCooldownSeconds, retries }) => {
      // The tests of `refusal`, in its order; what they leave is in the order of the index.
      const { rows } = await db.query<JobRow & { readonly dueAtMs: number }>(
        `with clock as materialized (select ${nowIn("$2")} / 1000 as now)
         select ${COLUMNS}, ${DUE_AT} as "dueAtMs" from slowwave.jobs
         where kind = $1 and ${DIRTY} and (${DUE_AT}, job_key) > ($3::bigint, $4)
           and ${DEFAULT_RETRIES} - retry_remaining < $5
           and coalesce(retry_at, 0) <= (select now from clock)
           and not (status = 'running' and coalesce(lease_until, 0) > (select now from clock))
           and not ($6::float8 > 0 and last_error is null
             and coalesce(finished_at, 0) > (select now from clock) - $6::float8)
         order by ${DUE_AT}, job_key limit $7`,
        [kind, clock(), after?.dueAtMs ?? -1, after?.space ?? "", retries, successCooldownSeconds, limit],
      );
      return rows.map(({ dueAtMs, ...row }) => ({ space: row.job_key, row, dueAtMs }));
    },
  };
}

/** Said only where they are asked for, or their indexes can't be used. */
function conditionsOf({ status, lastError }: JobPage) {
  const values: unknown[] = [];
  const tests = [
    ["status", status],
    ["last_error", lastError],
  ].flatMap(([column, value]) => {
    if (value === undefined) return [];
    values.push(value);
    return [`and ${column} = $${values.length + 3}`];
  });
  return { where: tests.join(" "), values };
}

async function claim(
  query: Query,
  jobs: JobRows,
  asked: ClaimRequest,
  now: number | null,
): Promise<ClaimOutcome> {
  const { space, token, remember = false } = asked;
  const { row, nowMs } = await jobs.lock(query, space, now);
  const request = { ...asked, nowMs };
  if (isHeldUnder(row, token)) {
    const next = applyTakeover(row, request);
    await jobs.replace(query, next, { nowMs });
    return claimAnswer(next, remember ? await rowBeforeClaim(query, jobs.kind, space, token) : null);
  }
  const no = refusal(row, request);
  if (no !== null || row === null) return no ?? { kind: "skipped", why: "not-dirty" };
  await settlements.remove(query, space, token);
  const next = applyClaim(row, request);
  await jobs.replace(query, next, { nowMs, ...(remember && { before: JSON.stringify({ token, row }) }) });
  return claimAnswer(next, remember ? row : null);
}

async function rowBeforeClaim(
  query: Query,
  kind: JobKind,
  space: string,
  token: string,
): Promise<JobRow | null> {
  const { rows } = await query<{ before: string | null }>(
    "select before_claim as before from slowwave.jobs where kind = $1 and job_key = $2",
    [kind, space],
  );
  const kept = JSON.parse(rows[0]?.before ?? "null") as { token: string; row: JobRow } | null;
  return kept?.token === token ? kept.row : null;
}

/** The guarded ends of a job. */
function settlingOf({
  db,
  jobs,
  clock,
  order,
}: Parts): Pick<JobStore, "succeed" | "fail" | "failUnowned" | "release"> {
  const settle = (
    lease: Lease,
    outcome: "succeeded" | "failed" | "released",
    change: (row: JobRow, nowMs: number) => JobRow,
    isOurs = (row: JobRow | null) => owns(row, lease),
  ): Promise<Settled> => {
    const now = clock();
    return order.one(lease.space, () =>
      db.transaction(async (query) => {
        const { row, nowMs } = await jobs.lock(query, lease.space, now);
        if (row === null || !isOurs(row)) {
          return (await settlements.outcome(query, lease)) === outcome ? "already" : "lost";
        }
        await jobs.replace(query, change(row, nowMs), { nowMs });
        await settlements.put(query, lease, outcome, nowMs);
        return "applied";
      }),
    );
  };
  return {
    succeed: (by) =>
      settle(by.lease, "succeeded", (row, nowMs) => applySuccess(row, { watermark: by.watermark, nowMs })),
    fail: (by) => settle(by.lease, "failed", (row, nowMs) => applyFailure(row, { ...by, nowMs })),
    failUnowned: (by) =>
      settle(
        by.lease,
        "failed",
        (row, nowMs) => applyFailure(row, { ...by, nowMs }),
        (row) => owns(row, by.lease) || isUnowned(row),
      ),
    release: (by) =>
      settle(by.lease, "released", (row) =>
        by.restore ? applyRestore(row, by.restore) : applyRelease(row, by.reason),
      ),
  };
}

/** Leases that go on, under the same process or another. */
function leasesOf({ db, jobs, clock, order }: Parts): Pick<JobStore, "renew" | "takeOver"> {
  return {
    renew: async (leases, { leaseSeconds }) => {
      if (leases.length === 0) return { lost: [] };
      const spaces = leases.map(({ space }) => space);
      const values = [
        jobs.kind,
        spaces,
        leases.map(({ token }) => token),
        leases.map(({ fence }) => fence),
        clock(),
        leaseUntil({ leaseSeconds, nowMs: 0 }),
      ];
      const { rows } = await order.all([...new Set(spaces)], () =>
        db.query<{ place: number }>(
          `with clock as materialized (select ${nowIn("$5")} / 1000 as now),
           asked as (select * from unnest($2::text[], $3::text[], $4::bigint[]) with ordinality
             as asked (space, token, fence, place))
           update slowwave.jobs set lease_until = clock.now + $6, last_beat_at = clock.now from asked, clock
           where kind = $1 and job_key = asked.space and status = 'running'
             and ownership_token = asked.token and jobs.fence = asked.fence
           returning asked.place`,
          values,
        ),
      );
      const renewed = new Set(rows.map(({ place }) => place - 1));
      return { lost: leases.filter((_, at) => !renewed.has(at)).map(({ space }) => space) };
    },
    takeOver: ({ space, token, worker, leaseSeconds }) => {
      const now = clock();
      return order.one(space, () =>
        db.transaction(async (query) => {
          const { row, nowMs } = await jobs.lock(query, space, now);
          if (!isHeldUnder(row, token)) return null;
          const next = applyTakeover(row, { worker, leaseSeconds, nowMs });
          await jobs.replace(query, next, { nowMs });
          return { space, token, fence: next.fence };
        }),
      );
    },
  };
}

export const phase2Jobs = jobRows(JOB_KIND);
