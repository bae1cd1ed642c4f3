import { contextOf, type RunRecord } from "./run.ts";

/**
 * The one job of a space: whether it needs consolidation, and who does it.
 * Column names, types and seconds are the original's (`jobs`, kind `memory_consolidate_global`);
 * `fence` is ours.
 */
export type JobStatus = "pending" | "running" | "done" | "error";

export interface JobRow {
  readonly kind: JobKind;
  /** The space key; of a session's job the session (`jobKeyOf`). */
  readonly job_key: string;
  readonly status: JobStatus;
  readonly worker_id: string | null;
  readonly ownership_token: string | null;
  /** These four: Unix seconds. */
  readonly started_at: number | null;
  readonly finished_at: number | null;
  readonly lease_until: number | null;
  readonly retry_at: number | null;
  readonly retry_remaining: number;
  readonly last_error: string | null;
  readonly input_watermark: number | null;
  readonly last_success_watermark: number | null;
  /** Grows by one with every claim and takeover; belongs to the process that acts. */
  readonly fence: number;
}

export const JOB_KIND = "memory_consolidate_global";
/** Phase 1: one session becomes one note. */
export const STAGE1_KIND = "memory_stage1";
export type JobKind = typeof JOB_KIND | typeof STAGE1_KIND;
export const DEFAULT_RETRIES = 3;

/** What every guarded write names: whose job, under which run's token, by which process. */
export interface Lease {
  readonly space: string;
  readonly token: string;
  readonly fence: number;
}

/** Of a run that was taken over and owns nothing any more: it fits no row, so that every guard refuses it. */
export const NO_FENCE = -1;

export interface ClaimRequest {
  readonly space: string;
  /** The owner id of the acting process; kept in `worker_id`. */
  readonly worker: string;
  /** Minted with the run, so that a repeated claim finds its own row. */
  readonly token: string;
  readonly leaseSeconds: number;
  /** 0 = no cooldown after a success (the original at point S). */
  readonly successCooldownSeconds: number;
  /** `run --now`: ignores backoff, exhaustion and cooldown, and resets the retry budget. */
  readonly force: boolean;
  /** So many failures in a row, and the space waits for a person. */
  readonly retries: number;
  readonly nowMs: number;
  /** A dry run's claim: the row before it is kept with the claim and answered, also when the claim is repeated. */
  readonly remember?: boolean;
}

/** Why a claim was not given. Not an error: most runs end here. */
export type ClaimOutcome =
  | {
      readonly kind: "claimed";
      readonly fence: number;
      readonly watermark: number;
      /** Only when it was asked to be remembered. */
      readonly before?: JobRow;
    }
  | {
      readonly kind: "skipped";
      readonly why: "not-dirty" | "running" | "backing-off" | "exhausted" | "cooling-down";
    };

/**
 * What became of a write that settles a job.
 * `already`: settled earlier under this token with this outcome; counts as done. `lost`: not the owner; stop.
 */
export type Settled = "applied" | "already" | "lost";

/** Boundaries (original, section 2): a lease is alive iff `lease_until > now`; backoff is active iff `retry_at > now`. */
export function isLeaseAlive(row: Pick<JobRow, "status" | "lease_until">, nowSeconds: number): boolean {
  return row.status === "running" && (row.lease_until ?? 0) > nowSeconds;
}

export function isDirty(row: Pick<JobRow, "input_watermark" | "last_success_watermark">): boolean {
  return (row.input_watermark ?? 0) > (row.last_success_watermark ?? 0);
}

/**
 * Whether the failures in a row have reached `retries`. The column counts down from the original's three, whatever is
 * allowed, so that other programs read it as they always did; it may fall below zero.
 */
export function isExhausted(row: Pick<JobRow, "retry_remaining">, retries: number): boolean {
  return DEFAULT_RETRIES - row.retry_remaining >= retries;
}

/** Two clocks may differ by so much. */
const CLOCK_TOLERANCE_SECONDS = 60;

/** Whether a retry is due later than a delay of this length explains: the clock jumped, or the delay was longer then. */
export function isRetryUnexplained(
  row: Pick<JobRow, "status" | "retry_at">,
  retryDelaySeconds: number,
  nowSeconds: number,
): boolean {
  const latest = nowSeconds + retryDelaySeconds + CLOCK_TOLERANCE_SECONDS;
  return row.status !== "running" && (row.retry_at ?? 0) > latest;
}

/**
 * Whether a row may be claimed now, in the original's order of tests (section 2.2, point S), with the
 * successor's cooldown behind it. Null = claimable. The stores repeat the same tests in their guarded update.
 */
export function refusal(
  row: JobRow | null,
  request: Pick<ClaimRequest, "force" | "successCooldownSeconds" | "retries" | "nowMs">,
): Extract<ClaimOutcome, { kind: "skipped" }> | null {
  const now = Math.floor(request.nowMs / 1000);
  if (row === null || !isDirty(row)) return { kind: "skipped", why: "not-dirty" };
  if (!request.force && isExhausted(row, request.retries)) return { kind: "skipped", why: "exhausted" };
  if (!request.force && (row.retry_at ?? 0) > now) return { kind: "skipped", why: "backing-off" };
  if (isLeaseAlive(row, now)) return { kind: "skipped", why: "running" };
  const cooling =
    request.successCooldownSeconds > 0 &&
    row.last_error === null &&
    (row.finished_at ?? 0) > now - request.successCooldownSeconds;
  return cooling && !request.force ? { kind: "skipped", why: "cooling-down" } : null;
}

/** A job that a claim would be given for now, and since when it waits for one. */
export interface DueJob {
  readonly space: string;
  readonly row: JobRow;
  /** Unix milliseconds: since when it is dirty without being served, or may be tried again, whichever came later. */
  readonly dueAtMs: number;
}

export interface DueRequest extends Pick<ClaimRequest, "successCooldownSeconds" | "retries" | "nowMs"> {
  readonly limit: number;
  /** Only those behind this one in the order; for paging. */
  readonly after?: Pick<DueJob, "dueAtMs" | "space">;
}

/**
 * Since when a job waits to be served (Unix milliseconds), kept beside its row: from the write that made it dirty until
 * it is clean. A success that leaves newer input behind begins anew, so that a busy space goes behind those that wait.
 */
export function nextDueSince(
  before: JobRow | null,
  after: JobRow,
  dueSince: number | null,
  nowMs: number,
): number | null {
  if (!isDirty(after)) return null;
  const isServed = before?.status === "running" && after.status === "done";
  return dueSince === null || isServed ? nowMs : dueSince;
}

/** The order of what is due, by this and then by the space. A row of another program may say nothing: it goes first. */
export function dueAtMs(row: Pick<JobRow, "retry_at">, dueSince: number | null): number {
  return Math.max(dueSince ?? 0, (row.retry_at ?? 0) * 1000);
}

/**
 * Enqueue rule (original, section 2.1): a newer watermark is taken, any other still makes the job dirty. A row of
 * another program may have no watermark: it counts as everything that was done so far, at least 0.
 */
function nextWatermark(
  row: Pick<JobRow, "input_watermark" | "last_success_watermark">,
  wanted: number,
): number {
  const current = row.input_watermark ?? row.last_success_watermark ?? 0;
  return wanted > current ? wanted : current + 1;
}

/**
 * Where the one job of each space lives (original, section 2, point S).
 *
 * Every write names the token and fence it acts under, and can be repeated: the second call finds its own
 * trace. Calls of one store for one space take effect in the order in which they were asked. `lost` means the lease is no longer the caller's, and the caller must stop.
 */
export interface JobStore {
  /**
   * One immediate transaction, tests in the order of `refusal`. A repeated claim under the same token finds
   * its own running row, renews it and is `claimed` again; by another worker it raises the fence.
   */
  claim(request: ClaimRequest): Promise<ClaimOutcome>;
  /** Extends all these leases to `now + leaseSeconds`; names the spaces that were no longer the caller's. */
  renew(
    leases: readonly Lease[],
    times: { leaseSeconds: number; nowMs: number },
  ): Promise<{ readonly lost: readonly string[] }>;
  succeed(settlement: { lease: Lease; watermark: number; nowMs: number }): Promise<Settled>;
  /** Strict: the token must match. */
  fail(settlement: JobFailure): Promise<Settled>;
  /** The original's fallback: also when no token is on the running row. Used only after `fail` said `lost`. */
  failUnowned(settlement: JobFailure): Promise<Settled>;
  /**
   * Cancelled: back to `pending`; lease, retry time and worker cleared, `last_error` = reason; watermarks,
   * `retry_remaining` and the token stay. With `restore`, the row becomes exactly that one (a dry run's end), but
   * for the fence, which never goes back, and for what was enqueued meanwhile, which is enqueued again.
   */
  release(settlement: { lease: Lease; reason: string; nowMs: number; restore?: JobRow }): Promise<Settled>;
  /**
   * The run's new process: raises the fence of the row this token owns, sets the worker, renews; repeated by the
   * same worker it only renews. Null = the token owns nothing, or no longer: what the run settled before is still
   * found by `succeed`, `fail` and `release`, which look for their own trace by the token, under any fence.
   */
  takeOver(request: {
    space: string;
    token: string;
    worker: string;
    leaseSeconds: number;
    nowMs: number;
  }): Promise<Lease | null>;
  /** Makes the space dirty by the original's upsert (section 2.1). */
  enqueue(space: string, watermark: number): Promise<void>;
  read(space: string): Promise<JobRow | null>;
  /** The row as it was before the claim with this token, if that is the space's last claim that asked to remember it. */
  rowBeforeClaim(space: string, token: string): Promise<JobRow | null>;
  /**
   * The jobs that a claim without force would be given for at `nowMs`, by the rules of `refusal`, those first that are due
   * longest: in the order of `dueAtMs`, then of the space's UTF-8 bytes. Read in time that depends on how many are
   * dirty, never on how many spaces there are.
   */
  due(request: DueRequest): Promise<readonly DueJob[]>;
  /** Rows in the order of their keys' UTF-8 bytes, one page of them. */
  list(page: JobPage): Promise<readonly JobRow[]>;
}

export interface JobPage {
  readonly limit: number;
  /** Only rows behind this key. */
  readonly after?: string;
  /** Only rows in this state; these and those of one error are found without reading the others. */
  readonly status?: JobStatus;
  readonly lastError?: string;
}

const ROWS_PER_PAGE = 500;

/** Every row that the filter names, page by page. For what a person asks; a loop that goes on for ever names a filter. */
export async function* everyJob(
  jobs: Pick<JobStore, "list">,
  filter: Pick<JobPage, "status" | "lastError"> = {},
): AsyncGenerator<JobRow> {
  for (let after: string | undefined; ; ) {
    const rows = await jobs.list({ ...filter, limit: ROWS_PER_PAGE, ...(after !== undefined && { after }) });
    yield* rows;
    after = rows.at(-1)?.job_key;
    if (rows.length < ROWS_PER_PAGE) return;
  }
}

export interface JobFailure {
  readonly lease: Lease;
  /** The short constant kept in `last_error`. */
  readonly reason: string;
  readonly retryDelaySeconds: number;
  readonly nowMs: number;
}

/**
 * What each write makes of a job row (original, section 2, point S). Pure, so that every store gives the same
 * rows; whether a write may happen at all is decided by the store's guard (`owns`).
 */

/** The guard of every write but `claim`, `takeOver` and `enqueue`: this row is the lease's. An expired lease is still owned. */
export function owns(row: JobRow | null, lease: Lease): row is JobRow {
  return isHeldUnder(row, lease.token) && row.fence === lease.fence;
}

/** Whether the run with this token holds the row, under whichever fence. */
export function isHeldUnder(row: JobRow | null, token: string): row is JobRow {
  return row?.status === "running" && row.ownership_token === token;
}

/** A running row that carries no token: the only one `failUnowned` may end without owning it. */
export function isUnowned(row: JobRow | null): row is JobRow {
  return row?.status === "running" && row.ownership_token === null;
}

/** Section 2.1. While running only the watermark and the budget move; else the row is pending again, without backoff. */
export function applyEnqueue(row: JobRow | null, space: string, watermark: number): JobRow {
  if (row === null) return { ...untouched(space), input_watermark: watermark };
  return {
    ...row,
    ...(row.status === "running" ? {} : { status: "pending", retry_at: null }),
    retry_remaining: Math.max(row.retry_remaining, DEFAULT_RETRIES),
    input_watermark: nextWatermark(row, watermark),
  };
}

/** Section 2.2. Taking over an expired lease consumes no retry; only `force` refills the budget. */
export function applyClaim(row: JobRow, request: ClaimRequest): JobRow {
  const now = secondsOf(request.nowMs);
  return {
    ...row,
    status: "running",
    worker_id: request.worker,
    ownership_token: request.token,
    started_at: now,
    finished_at: null,
    lease_until: leaseUntil(request),
    retry_at: null,
    retry_remaining: request.force ? DEFAULT_RETRIES : row.retry_remaining,
    last_error: null,
    fence: row.fence + 1,
  };
}

/** What a claim is answered that was given, with the row it made; `before`: the row it was, if that is to be told. */
export function claimAnswer(row: JobRow, before: JobRow | null): ClaimOutcome {
  const { fence, input_watermark } = row;
  const outcome: ClaimOutcome = { kind: "claimed", fence, watermark: input_watermark ?? 0 };
  return before === null ? outcome : { ...outcome, before };
}

/**
 * A process (again) acts for the run that holds the row: the lease is renewed, and a worker that is not the row's
 * raises the fence, so that the former one is shut out. The same worker is only repeating itself.
 */
export function applyTakeover(
  row: JobRow,
  by: { readonly worker: string; readonly leaseSeconds: number; readonly nowMs: number },
): JobRow {
  const fence = row.worker_id === by.worker ? row.fence : row.fence + 1;
  return { ...row, worker_id: by.worker, lease_until: leaseUntil(by), fence };
}

/** Section 2.5. */
export function applySuccess(
  row: JobRow,
  by: { readonly watermark: number; readonly nowMs: number },
): JobRow {
  return {
    ...row,
    status: "done",
    finished_at: secondsOf(by.nowMs),
    lease_until: null,
    last_error: null,
    last_success_watermark: Math.max(row.last_success_watermark ?? 0, by.watermark),
  };
}

/** Section 2.6. The budget may fall below zero, as at S. */
export function applyFailure(row: JobRow, by: JobFailure): JobRow {
  const now = secondsOf(by.nowMs);
  return {
    ...row,
    status: "error",
    finished_at: now,
    lease_until: null,
    retry_at: now + wholeSeconds(by.retryDelaySeconds),
    retry_remaining: row.retry_remaining - 1,
    last_error: by.reason,
  };
}

export function applyRelease(row: JobRow, reason: string): JobRow {
  return {
    ...row,
    status: "pending",
    worker_id: null,
    lease_until: null,
    retry_at: null,
    last_error: reason,
  };
}

/**
 * The end of a dry run: the row as it was before the claim. Two things don't go back: the fence, so that it only
 * ever grows, and what was enqueued meanwhile, which is enqueued again.
 */
export function applyRestore(row: JobRow, before: JobRow): JobRow {
  const back = { ...before, fence: row.fence };
  const wanted = row.input_watermark;
  const isNewer = wanted !== null && wanted > (before.input_watermark ?? 0);
  return isNewer ? applyEnqueue(back, back.job_key, wanted) : back;
}

/** `now + lease` in whole seconds; a negative lease counts as none. */
export function leaseUntil(by: { readonly leaseSeconds: number; readonly nowMs: number }): number {
  return secondsOf(by.nowMs) + wholeSeconds(by.leaseSeconds);
}

function untouched(space: string): JobRow {
  return {
    kind: JOB_KIND,
    job_key: space,
    status: "pending",
    worker_id: null,
    ownership_token: null,
    started_at: null,
    finished_at: null,
    lease_until: null,
    retry_at: null,
    retry_remaining: DEFAULT_RETRIES,
    last_error: null,
    input_watermark: null,
    last_success_watermark: 0,
    fence: 0,
  };
}

function secondsOf(ms: number): number {
  return Math.floor(ms / 1000);
}

/** Settings allow decimals, the columns are whole seconds: half a second of lease must not become none. */
function wholeSeconds(seconds: number): number {
  return Math.max(0, Math.ceil(seconds));
}

/**
 * The token under which a parked run still keeps others from its space's job; null when it keeps nobody. Every version
 * has kept it in the same place; where the run's state can't be read, the row that names the run's owner has it.
 */
export function tokenHeldBy(run: RunRecord, job: JobRow | null): string | null {
  if (run.state !== "parked" || job?.status !== "running") return null;
  const { token } = contextOf(run);
  const isItsOwn = typeof token === "string" ? job.ownership_token === token : job.worker_id === run.owner;
  return isItsOwn ? job.ownership_token : null;
}

/** How a run of either machine ended, in a word. */
export type Outcome = "succeeded" | "failed" | "skipped" | "cancelled";
