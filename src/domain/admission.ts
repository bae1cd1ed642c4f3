import { SlowwaveError } from "./failure.ts";

/**
 * Who may start which space next, when many processes share one store. An admission is a place that a space is given
 * before anything of it is started; limits are exact, since places are given one request after another.
 *
 *   due ──admit──→ admitted ──claim──→ running ──settle──→ done, or due again
 *    ↑                │ handed back, or unclaimed for 30 seconds
 *    ╰────────────────╯
 *
 * A place is taken by each running job, whoever runs it, and by each admission that is not over. So a run that is taken
 * over from a dead process keeps the place it has. Admission decides who may try; the claim alone decides who may work.
 */

/** An admission that nobody claims is over after so long. */
export const ADMISSION_MS = 30_000;

/** How many spaces may be at work at once. Null: any number. */
export interface AdmissionLimits {
  /** Of all tenants together. */
  readonly fleet: number | null;
  /** Of one tenant. */
  readonly tenant: number | null;
  /** Tenants with a limit of their own. */
  readonly tenants?: Readonly<Record<string, number>>;
}

export const NO_LIMITS: AdmissionLimits = { fleet: null, tenant: null };

/** What decides whether a space is due, as in a claim. */
export interface DueTerms {
  readonly successCooldownSeconds: number;
  readonly retries: number;
  readonly nowMs: number;
}

export interface AdmitRequest extends DueTerms {
  /** Owner id of the process that has places free. */
  readonly worker: string;
  /** At most so many. */
  readonly count: number;
  readonly limits: AdmissionLimits;
  /** Whether the other workers are notified when as many were given as were asked for: there may be more. A store without notifications does nothing. */
  readonly tellsOthers?: boolean;
  /** Is offered what was admitted, within the same transaction, where the store has one to share. */
  readonly carrier?: AdmissionCarrier;
}

/** Takes admitted spaces to the workers that have places for them. */
export interface AdmissionCarrier {
  readonly name: string;
  /** Answers the keys of those that it took; the others are the admitting worker's own. */
  send(admitted: readonly Admitted[], transaction: unknown): Promise<readonly string[]>;
}

/** Whose an admission is while it is carried. */
export function carriedBy(carrier: string): string {
  return `carried by ${carrier}`;
}

export interface AdmitOutcome {
  /** For the worker that asked. */
  readonly admitted: readonly Admitted[];
  /** How many more were admitted and are carried to whoever fetches them. */
  readonly carried: number;
  /**
   * Whether the store knows of unfinished runs whose owners are dead, which wait to be taken over. A store that can't tell
   * cheaply says false; they are found by looking.
   */
  readonly hasAbandonedRuns: boolean;
}

export interface Admitted {
  readonly space: string;
  readonly tenant: string;
}

/** Why a space that was asked for by name is not admitted. */
export type AdmissionRefusal = "fleet-limit" | "tenant-limit" | "paused" | "running" | "admitted";

/** What a worker tells of itself. */
export interface WorkerReport {
  /** Its owner id. */
  readonly worker: string;
  readonly name: string;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly state: "working" | "draining";
  readonly concurrency: number;
  readonly limits: AdmissionLimits;
  /** Runs at work in it. */
  readonly running: number;
  /** Since it began: runs that it took over, and leases that it lost. */
  readonly takeovers: number;
  readonly leasesLost: number;
  readonly startedAtMs: number;
  /** How far the store's clock is ahead of its own. */
  readonly clockOffsetMs: number;
}

export interface BeatAnswer {
  /**
   * How many workers with places free the store notifies when something is due, as far as they reported within
   * `WORKER_COUNTED_MS`, and always the one that asks: they can look in turn. 1: there are no others, or the store has no notifications.
   */
  readonly listeners: number;
}

/** Whether it can take another space. */
export function hasFreePlace({ state, running, concurrency }: WorkerReport): boolean {
  return state === "working" && running < concurrency;
}

export interface WorkerRow extends WorkerReport {
  readonly beatAtMs: number;
}

export interface TenantRow {
  readonly tenant: string;
  readonly due: number;
  readonly admitted: number;
  readonly running: number;
  readonly oldestDueAtMs: number | null;
  readonly isPaused: boolean;
}

export interface FleetOverview {
  readonly nowMs: number;
  /** How the tenant of a space is read from its key: see `tenantRule`. */
  readonly tenantOf: string;
  readonly isPaused: boolean;
  readonly workers: readonly WorkerRow[];
  /** Those with the most at work first, then with the most due. */
  readonly tenants: readonly TenantRow[];
  /** Of all tenants, those that are not listed too. */
  readonly due: number;
  readonly admitted: number;
  readonly running: number;
  readonly oldestDueAtMs: number | null;
}

/** What an overview says of all tenants, those that are not listed too. */
export function totalsOf(
  tenants: readonly TenantRow[],
): Pick<FleetOverview, "due" | "admitted" | "running" | "oldestDueAtMs"> {
  const sum = (of: "due" | "admitted" | "running") => tenants.reduce((all, row) => all + row[of], 0);
  const dates = tenants.flatMap(({ oldestDueAtMs }) => (oldestDueAtMs === null ? [] : [oldestDueAtMs]));
  return {
    due: sum("due"),
    admitted: sum("admitted"),
    running: sum("running"),
    oldestDueAtMs: dates.length === 0 ? null : dates.reduce((a, b) => Math.min(a, b)),
  };
}

/** A worker that has not reported for so long is no longer shown. */
export const WORKER_SHOWN_MS = 60_000;
/** Nor is it counted on after two reports that did not come, of one every five seconds: it may be dead. */
export const WORKER_COUNTED_MS = 12_000;

/**
 * Places for spaces. Every method is one short transaction; those that give places come one after another, so that no
 * limit is ever passed. A store with a clock of its own takes `nowMs` as advice.
 */
export interface AdmissionStore {
  /**
   * Gives places to spaces that are due, at most `count` and never beyond a limit: to the tenants with the fewest places
   * taken first, among equals in turn, and of each tenant to the space that is due longest. An admission that was not
   * claimed for `ADMISSION_MS` is over. Paused tenants get nothing.
   */
  admit(request: AdmitRequest): Promise<AdmitOutcome>;
  /** A place for this space, due or not. Null: it is admitted, be it that this worker was given it before; else why not. */
  admitSpace(
    request: Omit<AdmitRequest, "count"> & { readonly space: string },
  ): Promise<AdmissionRefusal | null>;
  /**
   * Frees the places of spaces that this worker was given and did not start. `retryAfterMs`: they are not admitted again
   * before so long, because nothing can be done for them yet.
   */
  handBack(request: {
    readonly worker: string;
    readonly spaces: readonly string[];
    readonly retryAfterMs?: number;
    readonly nowMs: number;
  }): Promise<void>;
  /** Pauses or resumes one tenant, or (null) all of them: nothing more is admitted, what runs goes on. */
  pause(request: { readonly tenant: string | null; readonly isPaused: boolean }): Promise<void>;
  /** Says that the worker is there, and how it is. */
  beat(beat: { readonly report: WorkerReport; readonly nowMs: number }): Promise<BeatAnswer>;
  /** The worker is gone; places it was given are free. */
  leave(worker: string): Promise<void>;
  /**
   * Says how tenants are read from space keys (see `tenantRule`). False: a worker that lives says otherwise, and nothing
   * was changed.
   */
  setTenantRule(request: {
    readonly rule: string;
    readonly worker: string;
    readonly nowMs: number;
  }): Promise<boolean>;
  /** `tenants`: at most so many are listed. */
  overview(request: DueTerms & { readonly tenants: number }): Promise<FleetOverview>;
  /**
   * Calls the listener soon after a space may have become due or a place free, as far as the store can tell; who must not
   * miss any looks now and then as well. Until the signal is raised; it does not keep the process alive.
   */
  watch(listener: () => void, until: AbortSignal): Promise<void>;
}

export const DEFAULT_TENANT_RULE = "prefix:/";

/**
 * The tenant of a space by a rule `prefix:X`: what its key has before the first `X`. Spaces without one are the tenant ""
 * together. Throws `invalid_settings` for what is no rule.
 */
export function tenantRule(rule: string): (space: string) => string {
  const separator = separatorOf(rule);
  return (space) => {
    const at = space.indexOf(separator);
    return at === -1 ? "" : space.slice(0, at);
  };
}

/** The text that ends the tenant in a space key. */
export function separatorOf(rule: string): string {
  const separator = /^prefix:(?<separator>.{1,8})$/u.exec(rule)?.groups?.separator;
  if (separator !== undefined) return separator;
  throw new SlowwaveError(
    "invalid_settings",
    'A rule for tenants is "prefix:" and the text that ends the tenant in a space key, such as "prefix:/".',
  );
}

export function limitOf(tenant: string, limits: AdmissionLimits): number {
  const own =
    limits.tenants !== undefined && Object.hasOwn(limits.tenants, tenant) ? limits.tenants[tenant] : null;
  return own ?? limits.tenant ?? Number.POSITIVE_INFINITY;
}

/** What choosing needs of a store. Spaces that have a place, or were put off, are in none of its answers. */
export interface DueIndex {
  /**
   * The first tenant after this one by name (null: the first of all) that may have a space due, in the order of UTF-8
   * bytes; null: there is none.
   */
  nextTenant(after: string | null): string | null;
  /** The tenant's spaces that are due, longest first, at most so many. */
  oldest(tenant: string, limit: number): readonly string[];
  /** Running jobs whose lease is over, which nobody was admitted for: they may be claimed, and have a place already. */
  abandoned(limit: number): readonly Admitted[];
}

export interface Places {
  /** Places taken, by tenant; tenants without any are not in it. */
  readonly taken: ReadonlyMap<string, number>;
  readonly paused: ReadonlySet<string>;
  readonly limits: AdmissionLimits;
  readonly count: number;
  /** The tenant that was given a place last: its successor by name is the first in turn. */
  readonly lastServed: string | null;
}

/**
 * The spaces that are given the free places, and the tenant that was served last. Tenants take turns in the order of their
 * names, and one that has fewer places than another comes before it: a tenant with thousands of spaces due gets one place
 * while each other that is waiting gets one. Looks at no more tenants than it gives places, but for those that have some.
 */
export function chooseSpaces(
  index: DueIndex,
  { taken, paused, limits, count, lastServed }: Places,
): { readonly admitted: readonly Admitted[]; readonly lastServed: string | null } {
  const again = index.abandoned(count).filter(({ tenant }) => !paused.has(tenant));
  const total = [...taken.values()].reduce((sum, places) => sum + places, 0);
  const free = Math.min(count - again.length, (limits.fleet ?? Number.POSITIVE_INFINITY) - total);
  const admitted: Admitted[] = [];
  let last = lastServed;
  /** Tenants with a space due that have places, in turn; by how many they have. */
  const waiting: { tenant: string; places: number; given: number }[] = [];

  for (const tenant of inTurn(index, lastServed)) {
    if (admitted.length >= free) break;
    if (paused.has(tenant)) continue;
    const places = taken.get(tenant) ?? 0;
    if (places >= limitOf(tenant, limits)) continue;
    if (places > 0) {
      waiting.push({ tenant, places, given: 0 });
      continue;
    }
    const [space] = index.oldest(tenant, 1);
    if (space === undefined) continue;
    admitted.push({ space, tenant });
    last = tenant;
    waiting.push({ tenant, places: 1, given: 1 });
  }
  // Everybody who had none has one: now those with the fewest, one by one.
  while (admitted.length < free) {
    const next = fewest(waiting);
    if (next === null) break;
    const space = index.oldest(next.tenant, next.given + 1)[next.given];
    if (space === undefined || next.places >= limitOf(next.tenant, limits)) {
      waiting.splice(waiting.indexOf(next), 1);
      continue;
    }
    admitted.push({ space, tenant: next.tenant });
    last = next.tenant;
    next.places += 1;
    next.given += 1;
    // Behind its equals.
    waiting.push(...waiting.splice(waiting.indexOf(next), 1));
  }
  return { admitted: [...again, ...admitted], lastServed: last };
}

/** Each tenant with a space due once, beginning after the one that was served last. */
function* inTurn(index: DueIndex, lastServed: string | null): Generator<string> {
  const seen = new Set<string>();
  const starts = lastServed === null ? [null] : [lastServed, null];
  for (const start of starts) {
    for (let at = index.nextTenant(start); at !== null && !seen.has(at); at = index.nextTenant(at)) {
      seen.add(at);
      yield at;
    }
  }
}

/** The first of those with the fewest places. */
function fewest<Waiting extends { readonly places: number }>(waiting: readonly Waiting[]): Waiting | null {
  return waiting.reduce<Waiting | null>(
    (least, one) => (least === null || one.places < least.places ? one : least),
    null,
  );
}
