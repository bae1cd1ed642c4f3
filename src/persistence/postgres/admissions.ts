import {
  ADMISSION_MS,
  type AdmissionRefusal,
  type AdmissionStore,
  type AdmitRequest,
  type Admitted,
  carriedBy,
  DEFAULT_TENANT_RULE,
  type DueTerms,
  hasFreePlace,
  limitOf,
  separatorOf,
  type TenantRow,
  totalsOf,
  WORKER_COUNTED_MS,
  WORKER_SHOWN_MS,
  type WorkerReport,
} from "../../domain/admission.ts";
import { DEFAULT_RETRIES, isLeaseAlive, JOB_KIND, type JobRow } from "../../domain/job.ts";
import { type Database, lockOf, type Query } from "./database.ts";
import { nowIn, type StoreClock } from "./jobs.ts";
import type { SharedSession } from "./shared-session.ts";
import { channelOf } from "./watch.ts";

/** A row of a worker that has not reported for so long is removed. */
const WORKER_KEPT_MS = 60 * WORKER_SHOWN_MS;
/** Whether runs wait to be taken over is asked at most so often. */
const ABANDONED_LOOK_MS = 900;

interface Deps {
  readonly session: SharedSession;
  readonly clock: StoreClock;
  readonly monotonicMs: () => number;
  /** Frees the places of the owner, if it is dead. */
  readonly probe: (owner: string) => Promise<unknown>;
}

/** Choosing is a function of the database's (`slowwave.admit`), under one lock: one trip, however many spaces there are. */
export function postgresAdmissions(db: Database, deps: Deps): AdmissionStore {
  return { ...placesOf(db, deps), ...fleetOf(db, deps), watch: watchDue(db, deps.session) };
}

interface Given {
  readonly space: string | null;
  readonly tenant: string;
  readonly hasAbandonedRuns: boolean;
  readonly silent: readonly string[] | null;
}

function placesOf(
  db: Database,
  { clock, monotonicMs, probe }: Deps,
): Pick<AdmissionStore, "admit" | "admitSpace" | "handBack"> {
  const lock = lockOf(db.schema, "admission");
  const channel = channelOf(db.schema, "due");
  let lookedAtMs = Number.NEGATIVE_INFINITY;
  /** Of the last look. */
  let hasAbandonedRuns = false;

  /** What the dead left is asked along, now and then: a worker that rests asks once a second in all. */
  async function admitted(query: Query, request: AdmitRequest, now: number | null) {
    const { worker, count, limits, successCooldownSeconds, retries, tellsOthers = false } = request;
    const isLookDue = monotonicMs() - lookedAtMs >= ABANDONED_LOOK_MS;
    if (isLookDue) lookedAtMs = monotonicMs();
    const { rows } = await query<Given>(ADMIT, [
      lock.key,
      now,
      worker,
      count,
      limits.fleet,
      limits.tenant,
      JSON.stringify(limits.tenants ?? {}),
      successCooldownSeconds,
      retries,
      ADMISSION_MS,
      isLookDue,
      tellsOthers ? channel : null,
    ]);
    const all = rows.flatMap(({ space, tenant }): Admitted[] => (space === null ? [] : [{ space, tenant }]));
    if (isLookDue) hasAbandonedRuns = rows[0]?.hasAbandonedRuns === true;
    return { all, hasAbandonedRuns, silent: rows[0]?.silent ?? [] };
  }

  /** Their places are given at the next look. */
  async function freeDead(silent: readonly string[]): Promise<void> {
    for (const owner of silent) await probe(owner);
  }

  return {
    admit: async (request) => {
      const now = clock();
      const { carrier } = request;
      if (carrier === undefined) {
        const { all, hasAbandonedRuns, silent } = await admitted(db.query, request, now);
        await freeDead(silent);
        return { admitted: all, carried: 0, hasAbandonedRuns };
      }
      let dead: readonly string[] = [];
      const outcome = await db.transaction(async (query) => {
        const { all, hasAbandonedRuns, silent } = await admitted(query, request, now);
        dead = silent;
        if (all.length === 0) return { admitted: [], carried: 0, hasAbandonedRuns };
        const taken = new Set(await carrier.send(all, query));
        await query("update slowwave.admissions set worker = $1 where space = any ($2::text[])", [
          carriedBy(carrier.name),
          [...taken],
        ]);
        const own = all.filter(({ space }) => !taken.has(space));
        return { admitted: own, carried: taken.size, hasAbandonedRuns };
      });
      await freeDead(dead);
      return outcome;
    },
    admitSpace: (request) => {
      const now = clock();
      return db.transaction((query) => admitSpace(query, request, now), { locks: [lock] });
    },
    handBack: async ({ worker, spaces, retryAfterMs }) => {
      if (retryAfterMs === undefined) {
        const sql = "delete from slowwave.admissions where worker = $1 and space = any ($2::text[])";
        await db.query(sql, [worker, spaces]);
        return;
      }
      await db.query(
        `update slowwave.admissions set worker = null, until = ${nowIn("$3")} + $4::bigint
         where worker = $1 and space = any ($2::text[])`,
        [worker, spaces, clock(), Math.round(retryAfterMs)],
      );
    },
  };
}

/** Unfinished runs of phase 2 whose owner has no row, or one that expired. */
const ABANDONED = `
  select 1 from (select distinct owner from slowwave.runs where state = 'active' and machine = 'phase2') run
  left join slowwave.owners on owners.id = run.owner
  where owners.id is null or expires_at <= slowwave.now_ms()`;

/** Workers with places whose row expired: the places are free once they are known to be dead. */
const SILENT = `
  select distinct worker from slowwave.admissions join slowwave.owners on owners.id = worker
  where expires_at <= slowwave.now_ms()`;

const ADMIT = `
  with looked as materialized (select $11::boolean and exists (${ABANDONED}) as found,
    case when $11::boolean then array(${SILENT}) end as silent),
  given as materialized (select space, tenant from slowwave.admit($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)),
  notified as materialized (select pg_notify($12::text, '') from (select count(*) as places from given) counted
    where $12::text is not null and places > 0 and places >= $4)
  select given.space, given.tenant, looked.found as "hasAbandonedRuns", looked.silent
  from looked left join given on true left join notified on true`;

async function admitSpace(
  query: Query,
  { space, worker, limits }: Parameters<AdmissionStore["admitSpace"]>[0],
  now: number | null,
): Promise<AdmissionRefusal | null> {
  type Found = Pick<JobRow, "status" | "lease_until"> & {
    readonly nowMs: number;
    readonly tenant: string;
    readonly isPaused: boolean;
    readonly holder: string | null;
    readonly ofTenant: number;
    readonly ofAll: number;
  };
  const { rows } = await query<Found>(
    `with clock as materialized (select ${nowIn("$2")} as now),
     taken as (
       select tenant, job_key as space from slowwave.jobs where kind = '${JOB_KIND}' and status = 'running'
       union
       select tenant, space from slowwave.admissions, clock where worker is not null and until > clock.now)
     select clock.now as "nowMs", own.tenant, job.status, job.lease_until,
       coalesce((select is_paused from slowwave.fleet), false)
         or exists (select 1 from slowwave.paused_tenants p where p.tenant = own.tenant) as "isPaused",
       (select worker from slowwave.admissions where space = $1 and until > clock.now) as holder,
       (select count(*) from taken where taken.tenant = own.tenant) as "ofTenant",
       (select count(*) from taken) as "ofAll"
     from clock, (select slowwave.tenant_of($1) collate "C" as tenant) own
     left join slowwave.jobs job on job.kind = '${JOB_KIND}' and job.job_key = $1`,
    [space, now],
  );
  const [found] = rows;
  if (found === undefined) throw new Error("a row was selected from nothing");
  const { nowMs, tenant } = found;
  if (found.isPaused) return "paused";
  if (isLeaseAlive(found, Math.floor(nowMs / 1000))) return "running";
  if (found.holder !== null) return found.holder === worker ? null : "admitted";
  if (found.status !== "running") {
    if (found.ofAll >= (limits.fleet ?? Number.POSITIVE_INFINITY)) return "fleet-limit";
    if (found.ofTenant >= limitOf(tenant, limits)) return "tenant-limit";
  }
  await query(
    `insert into slowwave.admissions (space, tenant, worker, until) values ($1, $2, $3, $4)
     on conflict (space) do update set worker = excluded.worker, until = excluded.until`,
    [space, tenant, worker, nowMs + ADMISSION_MS],
  );
  return null;
}

function fleetOf(
  db: Database,
  { clock }: Deps,
): Pick<AdmissionStore, "pause" | "beat" | "leave" | "setTenantRule" | "overview"> {
  return {
    pause: async ({ tenant, isPaused }) => {
      if (tenant === null) {
        await db.query(
          `insert into slowwave.fleet (is_paused) values ($1)
           on conflict (only_row) do update set is_paused = excluded.is_paused`,
          [isPaused],
        );
      } else if (isPaused) {
        await db.query("insert into slowwave.paused_tenants (tenant) values ($1) on conflict do nothing", [
          tenant,
        ]);
      } else await db.query("delete from slowwave.paused_tenants where tenant = $1", [tenant]);
    },
    beat: async ({ report }) => {
      const { rows } = await db.query<{ others: number }>(
        `with gone as (delete from slowwave.workers where beat_at < ${nowIn("$3")} - $4::bigint),
         reported as (insert into slowwave.workers (worker, report, beat_at, is_free)
           values ($1, $2, ${nowIn("$3")}, $5)
           on conflict (worker) do update
             set report = excluded.report, beat_at = excluded.beat_at, is_free = excluded.is_free)
         select count(*)::integer as others from slowwave.workers
         where worker <> $1 and is_free and beat_at > ${nowIn("$3")} - $6::bigint`,
        [
          report.worker,
          JSON.stringify(report),
          clock(),
          WORKER_KEPT_MS,
          hasFreePlace(report),
          WORKER_COUNTED_MS,
        ],
      );
      return { listeners: db.hasSessions ? 1 + (rows[0]?.others ?? 0) : 1 };
    },
    leave: async (worker) => {
      await db.query(
        `with gone as (delete from slowwave.workers where worker = $1)
         delete from slowwave.admissions where worker = $1`,
        [worker],
      );
    },
    setTenantRule: async ({ rule, worker }) => {
      const separator = separatorOf(rule);
      const now = clock();
      return db.transaction((query) => setTenantRule(query, { rule, separator, worker, now }), {
        locks: [lockOf(db.schema, "admission")],
      });
    },
    overview: ({ tenants, ...terms }) => {
      const now = clock();
      return db.transaction((query) => overview(query, { tenants, terms, now }), { isReadOnly: true });
    },
  };
}

async function setTenantRule(
  query: Query,
  asked: {
    readonly rule: string;
    readonly separator: string;
    readonly worker: string;
    readonly now: number | null;
  },
): Promise<boolean> {
  const { rule, separator, worker, now } = asked;
  const found = await query<{ rule: string | null }>("select tenant_rule as rule from slowwave.fleet");
  const before = found.rows[0]?.rule ?? null;
  if (before === rule) return true;
  const others = await query(
    `select 1 from slowwave.workers where worker <> $1 and beat_at > ${nowIn("$2")} - $3::bigint limit 1`,
    [worker, now, WORKER_SHOWN_MS],
  );
  if (before !== null && others.rows.length > 0) return false;
  await query(
    `insert into slowwave.fleet (tenant_rule, separator) values ($1, $2)
     on conflict (only_row) do update set tenant_rule = excluded.tenant_rule, separator = excluded.separator`,
    [rule, separator],
  );
  if (rule !== (before ?? DEFAULT_TENANT_RULE)) {
    await query("update slowwave.jobs set tenant = slowwave.tenant_of(job_key)");
  }
  return true;
}

async function overview(
  query: Query,
  asked: { readonly tenants: number; readonly terms: DueTerms; readonly now: number | null },
) {
  const { successCooldownSeconds, retries } = asked.terms;
  const fleet = await query<{ nowMs: number; rule: string | null; isPaused: boolean | null }>(
    `select ${nowIn("$1")} as "nowMs", tenant_rule as rule, is_paused as "isPaused"
     from (select 1) one left join slowwave.fleet on true`,
    [asked.now],
  );
  const { nowMs = 0, rule = null, isPaused = false } = fleet.rows[0] ?? {};
  const workers = await query<{ report: string; beatAtMs: number }>(
    `select report, beat_at as "beatAtMs" from slowwave.workers where beat_at > $1
     order by (report::jsonb ->> 'startedAtMs')::float8, worker`,
    [nowMs - WORKER_SHOWN_MS],
  );
  const { rows: tenants } = await query<TenantRow>(TENANTS, [
    nowMs,
    Math.floor(nowMs / 1000),
    successCooldownSeconds,
    retries,
  ]);
  return {
    nowMs,
    tenantOf: rule ?? DEFAULT_TENANT_RULE,
    isPaused: isPaused === true,
    workers: workers.rows.map(({ report, beatAtMs }) => ({
      ...(JSON.parse(report) as WorkerReport),
      beatAtMs,
    })),
    tenants: tenants.slice(0, asked.tenants),
    ...totalsOf(tenants),
  };
}

const DUE_AT = "greatest(coalesce(due_since, 0), coalesce(retry_at, 0) * 1000)";

const TENANTS = `
  select tenant, sum(due)::integer as due, sum(admitted)::integer as admitted, sum(running)::integer as running,
    min(due_at) as "oldestDueAtMs", bool_or(paused) as "isPaused"
  from (
    select tenant, 1 as due, 0 as admitted, 0 as running, ${DUE_AT} as due_at, false as paused
    from slowwave.jobs where kind = '${JOB_KIND}' and status <> 'running'
      and coalesce(input_watermark, 0) > coalesce(last_success_watermark, 0) and ${DUE_AT} <= $1
      and coalesce(retry_at, 0) <= $2 and ${DEFAULT_RETRIES} - retry_remaining < $4
      and not ($3::float8 > 0 and last_error is null and coalesce(finished_at, 0) > $2 - $3::float8)
      and not exists (select 1 from slowwave.admissions where space = job_key and until > $1)
    union all
    select tenant, 0, 0, 1, null, false from slowwave.jobs where kind = '${JOB_KIND}' and status = 'running'
    union all
    select tenant, 0, 1, 0, null, false from slowwave.admissions a where worker is not null and until > $1
      and not exists (select 1 from slowwave.jobs
        where kind = '${JOB_KIND}' and status = 'running' and job_key = a.space)
    union all
    select tenant, 0, 0, 0, null, true from slowwave.paused_tenants
  ) rows
  group by tenant order by sum(running) + sum(admitted) desc, sum(due) desc, tenant`;

/** Who has a session of its own hears of it; others look. */
function watchDue(db: Database, session: SharedSession): AdmissionStore["watch"] {
  const channel = channelOf(db.schema, "due");
  const listeners = new Set<() => void>();
  return async (listener, until) => {
    if (until.aborted) return;
    const own = () => listener();
    listeners.add(own);
    if (listeners.size === 1) {
      session.listen(channel, () => {
        for (const each of [...listeners]) each();
      });
    }
    until.addEventListener("abort", () => {
      if (listeners.delete(own) && listeners.size === 0) session.unlisten(channel);
    });
  };
}
