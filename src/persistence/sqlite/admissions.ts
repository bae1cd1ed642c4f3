import type { Database } from "better-sqlite3";
import {
  ADMISSION_MS,
  type AdmissionRefusal,
  type AdmissionStore,
  type AdmitRequest,
  type Admitted,
  chooseSpaces,
  DEFAULT_TENANT_RULE,
  type DueIndex,
  type DueTerms,
  type FleetOverview,
  hasFreePlace,
  limitOf,
  separatorOf,
  type TenantRow,
  totalsOf,
  WORKER_COUNTED_MS,
  WORKER_SHOWN_MS,
  type WorkerReport,
} from "../../domain/admission.ts";
import { DEFAULT_RETRIES, isLeaseAlive, JOB_KIND } from "../../domain/job.ts";
import { DIRTY, DUE_AT, type JobTable } from "./jobs.ts";
import { watchCommits } from "./watch.ts";
import type { Writer } from "./writer.ts";

interface FleetRow {
  readonly rule: string | null;
  readonly isPaused: number;
  readonly lastServed: string | null;
}

/** A row of a worker that has not reported for so long is removed. */
const WORKER_KEPT_MS = 60 * WORKER_SHOWN_MS;

interface Deps {
  readonly jobs: JobTable;
  readonly writer: Writer;
  /** The clock by which jobs become due. */
  readonly nowMs: () => number;
}

/** The order of choosing is the domain's; this is its index. */
export function sqliteAdmissions(db: Database, deps: Deps): AdmissionStore {
  const rows = statementsOf(db);
  return { ...places(rows, deps), ...fleet(rows, deps), ...watchingOf(db) };
}

function watchingOf(db: Database): Pick<AdmissionStore, "watch"> {
  const watching = watchCommits(db);
  return { watch: async (listener, until) => watching.watch(listener, until) };
}

function timesOf({ nowMs, successCooldownSeconds, retries }: DueTerms, storeNowMs: number): Times {
  return {
    now: Math.floor(nowMs / 1000),
    latest: Math.max(nowMs, storeNowMs),
    cooldown: successCooldownSeconds,
    retries,
  };
}

function places(
  rows: Statements,
  { jobs, writer: { write, read }, nowMs: storeNowMs }: Deps,
): Pick<AdmissionStore, "admit" | "admitSpace" | "handBack"> {
  function admit(request: AdmitRequest): readonly Admitted[] {
    const { worker, nowMs, limits, count } = request;
    rows.endLapsed.run(nowMs);
    const { isPaused, lastServed: before } = rows.fleet.get() as FleetRow;
    if (isPaused === 1) return [];
    const paused = new Set(rows.paused.all());
    const taken = placesTaken(rows);
    const { admitted, lastServed } = chooseSpaces(indexAt(rows, timesOf(request, storeNowMs())), {
      taken,
      paused,
      limits,
      count,
      lastServed: before,
    });
    for (const { space, tenant } of admitted) give(rows, { space, tenant, worker, nowMs });
    if (lastServed !== before) rows.serve.run(lastServed);
    return admitted;
  }

  function admitSpace(request: Parameters<AdmissionStore["admitSpace"]>[0]): AdmissionRefusal | null {
    const { space, worker, limits, nowMs } = request;
    rows.endLapsed.run(nowMs);
    const row = jobs.read(space);
    const tenant = rows.tenantOf.get({ space }) ?? "";
    const { isPaused } = rows.fleet.get() as FleetRow;
    if (isPaused === 1 || rows.paused.all().includes(tenant)) return "paused";
    if (row !== null && isLeaseAlive(row, Math.floor(nowMs / 1000))) return "running";
    const holder = rows.holder.get(space) ?? null;
    if (holder !== null) return holder === worker ? null : "admitted";
    if (row?.status !== "running") {
      const taken = placesTaken(rows);
      const total = [...taken.values()].reduce((sum, count) => sum + count, 0);
      if (total >= (limits.fleet ?? Number.POSITIVE_INFINITY)) return "fleet-limit";
      if ((taken.get(tenant) ?? 0) >= limitOf(tenant, limits)) return "tenant-limit";
    }
    give(rows, { space, tenant, worker, nowMs });
    return null;
  }

  return {
    admit: async (request) => {
      // A fleet that rests writes nothing, and takes no writer's turn.
      const isIdle = await read(() => rows.anyDue.get(timesOf(request, storeNowMs())) === undefined);
      const admitted = isIdle ? [] : await write(() => admit(request));
      return { admitted, carried: 0, hasAbandonedRuns: false };
    },
    admitSpace: (request) => write(() => admitSpace(request)),
    handBack: ({ worker, spaces, retryAfterMs, nowMs }) =>
      write(() => {
        for (const space of spaces) {
          if (retryAfterMs === undefined) rows.remove.run({ space, worker });
          else rows.putOff.run({ space, worker, until: nowMs + retryAfterMs });
        }
      }),
  };
}

function indexAt(rows: Statements, times: Times): DueIndex {
  return {
    nextTenant: (after) => (after === null ? rows.firstTenant.get() : rows.nextTenant.get(after)) ?? null,
    oldest: (tenant, limit) => rows.oldest.all({ ...times, tenant, limit }),
    abandoned: (limit) => rows.abandoned.all({ ...times, limit }),
  };
}

function give(
  rows: Statements,
  { nowMs, ...to }: { space: string; tenant: string; worker: string; nowMs: number },
): void {
  rows.put.run({ ...to, until: nowMs + ADMISSION_MS });
}

function placesTaken(rows: Statements): Map<string, number> {
  return new Map(rows.taken.all().map(({ tenant, places: count }) => [tenant, count]));
}

function fleet(
  rows: Statements,
  { writer: { write, read }, nowMs: storeNowMs }: Deps,
): Pick<AdmissionStore, "pause" | "beat" | "leave" | "setTenantRule" | "overview"> {
  function setTenantRule({ rule, worker, nowMs }: { rule: string; worker: string; nowMs: number }): boolean {
    const separator = separatorOf(rule);
    const { rule: before } = rows.fleet.get() as FleetRow;
    if (before === rule) return true;
    const since = nowMs - WORKER_SHOWN_MS;
    if (before !== null && rows.others.get({ worker, since }) !== undefined) return false;
    rows.setRule.run({ rule, separator });
    if (rule !== (before ?? DEFAULT_TENANT_RULE)) rows.retenant.run();
    return true;
  }

  return {
    pause: ({ tenant, isPaused }) =>
      write(() => {
        if (tenant === null) rows.pauseAll.run(isPaused ? 1 : 0);
        else if (isPaused) rows.pauseOne.run(tenant);
        else rows.resumeOne.run(tenant);
      }),
    beat: ({ report, nowMs }) =>
      write(() => {
        rows.beat.run({ worker: report.worker, report: JSON.stringify(report), at: nowMs });
        rows.forget.run(nowMs - WORKER_KEPT_MS);
        const reports = rows.workers
          .all(nowMs - WORKER_COUNTED_MS)
          .map(({ report: text }) => JSON.parse(text));
        const others = reports.filter(
          (one: WorkerReport) => one.worker !== report.worker && hasFreePlace(one),
        );
        return { listeners: 1 + others.length };
      }),
    leave: (worker) =>
      write(() => {
        rows.leave.run(worker);
        rows.free.run(worker);
      }),
    setTenantRule: (request) => write(() => setTenantRule(request)),
    overview: ({ tenants, ...terms }) =>
      read(() => overviewOf(rows, { tenants, nowMs: terms.nowMs, times: timesOf(terms, storeNowMs()) })),
  };
}

interface Times {
  readonly now: number;
  readonly latest: number;
  readonly cooldown: number;
  readonly retries: number;
}

function overviewOf(
  rows: Statements,
  { tenants: limit, nowMs, times }: { tenants: number; nowMs: number; times: Times },
): FleetOverview {
  const fleet = rows.fleet.get() as FleetRow;
  const found = rows.tenants.all({ ...times, nowMs });
  const tenants = found.map(({ isPaused, ...row }): TenantRow => ({ ...row, isPaused: isPaused === 1 }));
  return {
    nowMs,
    tenantOf: fleet.rule ?? DEFAULT_TENANT_RULE,
    isPaused: fleet.isPaused === 1,
    workers: rows.workers.all(nowMs - WORKER_SHOWN_MS).map(({ report, beatAtMs }) => ({
      ...(JSON.parse(report) as WorkerReport),
      beatAtMs,
    })),
    tenants: tenants.slice(0, limit),
    ...totalsOf(tenants),
  };
}

const JOB = `kind = '${JOB_KIND}'`;
/** As the index by tenant says it. */
const OPEN = `${JOB} and status <> 'running' and ${DIRTY}`;
/** What `refusal` says of a row that is dirty and not running. */
const MAY_TRY = `coalesce(retry_at, 0) <= @now and ${DEFAULT_RETRIES} - retry_remaining < @retries
  and not (@cooldown > 0 and last_error is null and coalesce(finished_at, 0) > @now - @cooldown)`;
const UNTOUCHED = "not exists (select 1 from admissions where space = job_key)";
/** Running by its row, but nobody's any more. */
const EXPIRED = `${JOB} and status = 'running' and coalesce(lease_until, 0) <= @now and ${DIRTY} and ${MAY_TRY}`;
/** Rows behind the latest time wait for a retry: the index ends there. */
const DUE = `${OPEN} and ${DUE_AT} <= @latest and ${MAY_TRY}`;
const TENANT_OF =
  "case instr(job_key, separator) when 0 then '' else substr(job_key, 1, instr(job_key, separator) - 1) end";
const TAKEN = `
  select tenant, job_key as space from jobs where ${JOB} and status = 'running'
  union
  select tenant, space from admissions where worker is not null`;

type Statements = ReturnType<typeof statementsOf>;

function statementsOf(db: Database) {
  const prepare = <In extends unknown[] | object, Out>(sql: string) => db.prepare<In, Out>(sql);
  return {
    ...placeStatements(db),
    fleet: prepare<[], FleetRow>(
      "select tenant_rule as rule, is_paused as isPaused, last_served as lastServed from fleet",
    ),
    serve: prepare<[string | null], never>("update fleet set last_served = ?"),
    setRule: prepare<{ rule: string; separator: string }, never>(
      "update fleet set tenant_rule = @rule, separator = @separator",
    ),
    retenant: prepare<[], never>(`update jobs set tenant = (select ${TENANT_OF} from fleet)`),
    tenantOf: prepare<{ space: string }, string>(
      `select ${TENANT_OF.replaceAll("job_key", "@space")} from fleet`,
    ).pluck(),
    others: prepare<{ worker: string; since: number }, 1>(
      "select 1 from workers where worker <> @worker and beat_at > @since limit 1",
    ),
    paused: db.prepare<[], string>("select tenant from paused_tenants").pluck(),
    pauseAll: prepare<[number], never>("update fleet set is_paused = ?"),
    pauseOne: prepare<[string], never>("insert or ignore into paused_tenants (tenant) values (?)"),
    resumeOne: prepare<[string], never>("delete from paused_tenants where tenant = ?"),
    beat: prepare<{ worker: string; report: string; at: number }, never>(
      "insert or replace into workers (worker, report, beat_at) values (@worker, @report, @at)",
    ),
    forget: prepare<[number], never>("delete from workers where beat_at < ?"),
    leave: prepare<[string], never>("delete from workers where worker = ?"),
    workers: prepare<[number], { report: string; beatAtMs: number }>(
      `select report, beat_at as beatAtMs from workers where beat_at > ?
       order by json_extract(report, '$.startedAtMs'), worker`,
    ),
    tenants: prepare<Times & { nowMs: number }, Omit<TenantRow, "isPaused"> & { isPaused: number }>(
      `select tenant, sum(due) as due, sum(admitted) as admitted, sum(running) as running,
         min(due_at) as oldestDueAtMs, max(paused) as isPaused
       from (
         select tenant, 1 as due, 0 as admitted, 0 as running, ${DUE_AT} as due_at, 0 as paused
         from jobs where ${DUE}
           and not exists (select 1 from admissions where space = job_key and until > @nowMs)
         union all
         select tenant, 0, 0, 1, null, 0 from jobs where ${JOB} and status = 'running'
         union all
         select a.tenant, 0, 1, 0, null, 0 from admissions a where worker is not null and until > @nowMs
           and not exists (select 1 from jobs where ${JOB} and status = 'running' and job_key = a.space)
         union all
         select tenant, 0, 0, 0, null, 1 from paused_tenants
       )
       group by tenant order by sum(running) + sum(admitted) desc, sum(due) desc, tenant`,
    ),
  };
}

function placeStatements(db: Database) {
  const prepare = <In extends unknown[] | object, Out>(sql: string) => db.prepare<In, Out>(sql);
  return {
    endLapsed: prepare<[number], never>("delete from admissions where until <= ?"),
    anyDue: prepare<Times, 1>(
      `select 1 where exists (select 1 from jobs where ${DUE}) or exists (select 1 from jobs where ${EXPIRED})`,
    ),
    taken: prepare<[], { tenant: string; places: number }>(
      `select tenant, count(*) as places from (${TAKEN}) group by tenant`,
    ),
    firstTenant: db
      .prepare<[], string>(`select tenant from jobs where ${OPEN} order by tenant limit 1`)
      .pluck(),
    nextTenant: db
      .prepare<[string], string>(
        `select tenant from jobs where ${OPEN} and tenant > ? order by tenant limit 1`,
      )
      .pluck(),
    oldest: db
      .prepare<Times & { tenant: string; limit: number }, string>(
        `select job_key from jobs where ${DUE} and tenant = @tenant and ${UNTOUCHED}
         order by ${DUE_AT}, job_key limit @limit`,
      )
      .pluck(),
    abandoned: prepare<Times & { limit: number }, Admitted>(
      `select job_key as space, tenant from jobs where ${EXPIRED} and ${UNTOUCHED} order by lease_until, job_key limit @limit`,
    ),
    holder: db.prepare<[string], string | null>("select worker from admissions where space = ?").pluck(),
    put: prepare<{ space: string; tenant: string; worker: string; until: number }, never>(
      "insert or replace into admissions (space, tenant, worker, until) values (@space, @tenant, @worker, @until)",
    ),
    remove: prepare<{ space: string; worker: string }, never>(
      "delete from admissions where space = @space and worker = @worker",
    ),
    putOff: prepare<{ space: string; worker: string; until: number }, never>(
      "update admissions set worker = null, until = @until where space = @space and worker = @worker",
    ),
    free: prepare<[string], never>("delete from admissions where worker = ?"),
  };
}
