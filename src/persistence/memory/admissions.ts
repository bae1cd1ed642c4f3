import {
  ADMISSION_MS,
  type AdmissionStore,
  type AdmitRequest,
  chooseSpaces,
  DEFAULT_TENANT_RULE,
  type DueTerms,
  hasFreePlace,
  limitOf,
  type Places,
  separatorOf,
  type TenantRow,
  tenantRule,
  totalsOf,
  WORKER_COUNTED_MS,
  WORKER_SHOWN_MS,
  type WorkerRow,
} from "../../domain/admission.ts";
import { dueAtMs, isLeaseAlive, type JobRow, refusal } from "../../domain/job.ts";
import { byBytes, type MemoryWorld } from "./world.ts";

type World = Pick<MemoryWorld, "jobs" | "dueSince" | "fleet" | "watchers">;

export function memoryAdmissions(world: World): AdmissionStore {
  const { jobs, fleet } = world;
  const { admissions, workers, pausedTenants } = fleet;
  return {
    admit: async (request) => ({ admitted: admit(world, request), carried: 0, hasAbandonedRuns: false }),
    admitSpace: async ({ space, worker, limits, nowMs }) => {
      const row = jobs.get(space);
      endLapsed(world, nowMs);
      const tenant = tenantIn(world, space);
      if (fleet.isPaused || pausedTenants.has(tenant)) return "paused";
      if (row !== undefined && isLeaseAlive(row, Math.floor(nowMs / 1000))) return "running";
      const holder = admissions.get(space)?.worker ?? null;
      if (holder !== null) return holder === worker ? null : "admitted";
      if (row?.status !== "running") {
        const taken = placesTaken(world);
        if (totalOf(taken) >= (limits.fleet ?? Number.POSITIVE_INFINITY)) return "fleet-limit";
        if ((taken.get(tenant) ?? 0) >= limitOf(tenant, limits)) return "tenant-limit";
      }
      admissions.set(space, { worker, untilMs: nowMs + ADMISSION_MS });
      return null;
    },
    handBack: async ({ worker, spaces, retryAfterMs, nowMs }) => {
      for (const space of spaces) {
        if (admissions.get(space)?.worker !== worker) continue;
        if (retryAfterMs === undefined) admissions.delete(space);
        else admissions.set(space, { worker: null, untilMs: nowMs + retryAfterMs });
      }
    },
    pause: async ({ tenant, isPaused }) => {
      if (tenant === null) fleet.isPaused = isPaused;
      else if (isPaused) pausedTenants.add(tenant);
      else pausedTenants.delete(tenant);
    },
    beat: async ({ report, nowMs }) => {
      workers.set(report.worker, { ...report, beatAtMs: nowMs });
      const others = [...workers.values()].filter(
        ({ worker, beatAtMs }) => worker !== report.worker && beatAtMs > nowMs - WORKER_COUNTED_MS,
      );
      return { listeners: 1 + others.filter(hasFreePlace).length };
    },
    leave: async (worker) => {
      workers.delete(worker);
      for (const [space, one] of admissions) if (one.worker === worker) admissions.delete(space);
    },
    setTenantRule: async ({ rule, worker, nowMs }) => {
      separatorOf(rule);
      const others = [...workers.values()].filter((one) => one.worker !== worker && isShown(one, nowMs));
      if (fleet.rule !== null && fleet.rule !== rule && others.length > 0) return false;
      fleet.rule = rule;
      return true;
    },
    overview: async ({ tenants: limit, ...terms }) => {
      endLapsed(world, terms.nowMs);
      const tenants = tenantRows(world, terms);
      return {
        nowMs: terms.nowMs,
        tenantOf: fleet.rule ?? DEFAULT_TENANT_RULE,
        isPaused: fleet.isPaused,
        workers: [...workers.values()]
          .filter((one) => isShown(one, terms.nowMs))
          .sort((a, b) => a.startedAtMs - b.startedAtMs || byBytes(a.worker, b.worker)),
        tenants: tenants.slice(0, limit),
        ...totalsOf(tenants),
      };
    },
    watch: async (listener, until) => {
      if (until.aborted) return;
      const own = () => listener();
      world.watchers.add(own);
      until.addEventListener("abort", () => world.watchers.delete(own));
    },
  };
}

function admit(world: World, request: AdmitRequest) {
  const { fleet } = world;
  endLapsed(world, request.nowMs);
  if (fleet.isPaused) return [];
  const due = dueSpaces(world, request);
  const tenants = [...new Set(due.map(({ tenant }) => tenant))].sort(byBytes);
  const places: Places = {
    taken: placesTaken(world),
    paused: fleet.pausedTenants,
    limits: request.limits,
    count: request.count,
    lastServed: fleet.lastServed,
  };
  const index = {
    nextTenant: (after: string | null) =>
      tenants.find((tenant) => after === null || byBytes(tenant, after) > 0) ?? null,
    oldest: (tenant: string, limit: number) =>
      due
        .filter((one) => one.tenant === tenant && !one.isRunning)
        .slice(0, limit)
        .map(({ space }) => space),
    abandoned: (limit: number) => due.filter(({ isRunning }) => isRunning).slice(0, limit),
  };
  const { admitted, lastServed } = chooseSpaces(index, places);
  fleet.lastServed = lastServed;
  const untilMs = request.nowMs + ADMISSION_MS;
  for (const { space } of admitted) fleet.admissions.set(space, { worker: request.worker, untilMs });
  return admitted.map(({ space, tenant }) => ({ space, tenant }));
}

/** Claimable, neither admitted nor put off; longest due first. */
function dueSpaces(world: World, terms: DueTerms) {
  const { jobs, dueSince, fleet } = world;
  return [...jobs.values()]
    .filter((row) => refusal(row, { ...terms, force: false }) === null && !fleet.admissions.has(row.job_key))
    .map((row) => ({
      space: row.job_key,
      tenant: tenantIn(world, row.job_key),
      isRunning: row.status === "running",
      dueAtMs: dueAtMs(row, dueSince.get(row.job_key) ?? null),
    }))
    .sort((a, b) => a.dueAtMs - b.dueAtMs || byBytes(a.space, b.space));
}

function endLapsed({ fleet }: World, nowMs: number): void {
  for (const [space, { untilMs }] of fleet.admissions) if (untilMs <= nowMs) fleet.admissions.delete(space);
}

function isAdmitted({ fleet }: World, space: string): boolean {
  return (fleet.admissions.get(space)?.worker ?? null) !== null;
}

/** Running jobs, and admissions of spaces that are not running. */
function placesTaken(world: World): Map<string, number> {
  const taken = new Map<string, number>();
  const running = [...world.jobs.values()].filter(({ status }) => status === "running");
  const spaces = new Set(running.map(({ job_key }) => job_key));
  for (const space of world.fleet.admissions.keys()) if (isAdmitted(world, space)) spaces.add(space);
  for (const space of spaces) {
    const tenant = tenantIn(world, space);
    taken.set(tenant, (taken.get(tenant) ?? 0) + 1);
  }
  return taken;
}

function totalOf(taken: ReadonlyMap<string, number>): number {
  return [...taken.values()].reduce((sum, places) => sum + places, 0);
}

function tenantRows(world: World, terms: DueTerms): readonly TenantRow[] {
  const rows = new Map<
    string,
    { due: number; admitted: number; running: number; oldestDueAtMs: number | null }
  >();
  const rowOf = (space: string) => {
    const tenant = tenantIn(world, space);
    const row = rows.get(tenant) ?? { due: 0, admitted: 0, running: 0, oldestDueAtMs: null };
    rows.set(tenant, row);
    return row;
  };
  const isRunning = ({ status }: JobRow) => status === "running";
  for (const job of world.jobs.values()) if (isRunning(job)) rowOf(job.job_key).running += 1;
  for (const space of world.fleet.admissions.keys()) {
    if (isAdmitted(world, space) && world.jobs.get(space)?.status !== "running") rowOf(space).admitted += 1;
  }
  for (const { space, dueAtMs: atMs, isRunning: holdsPlace } of dueSpaces(world, terms)) {
    if (holdsPlace) continue;
    const row = rowOf(space);
    row.due += 1;
    row.oldestDueAtMs = earlier(row.oldestDueAtMs, atMs);
  }
  for (const tenant of world.fleet.pausedTenants) {
    if (!rows.has(tenant)) rows.set(tenant, { due: 0, admitted: 0, running: 0, oldestDueAtMs: null });
  }
  return [...rows]
    .map(([tenant, row]) => ({ tenant, ...row, isPaused: world.fleet.pausedTenants.has(tenant) }))
    .sort(
      (a, b) =>
        b.running + b.admitted - a.running - a.admitted || b.due - a.due || byBytes(a.tenant, b.tenant),
    );
}

function earlier(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.min(a, b);
}

function tenantIn({ fleet }: World, space: string): string {
  return tenantRule(fleet.rule ?? DEFAULT_TENANT_RULE)(space);
}

function isShown({ beatAtMs }: WorkerRow, nowMs: number): boolean {
  return beatAtMs > nowMs - WORKER_SHOWN_MS;
}
