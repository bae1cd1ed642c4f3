/**
 * What each write makes of a job row (original, section 2, point S). Pure, so that every store gives the same
 * rows; whether a write may happen at all is decided by the store's guard (`owns`).
 */
import type { ClaimOutcome, ClaimRequest, JobRow, Lease } from "./job.ts";
import { DEFAULT_RETRIES, JOB_KIND, nextWatermark } from "./job.ts";
import type { JobFailure } from "./ports.ts";

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
export function enqueued(row: JobRow | null, space: string, watermark: number): JobRow {
  if (row === null) return { ...untouched(space), input_watermark: watermark };
  return {
    ...row,
    ...(row.status === "running" ? {} : { status: "pending", retry_at: null }),
    retry_remaining: Math.max(row.retry_remaining, DEFAULT_RETRIES),
    input_watermark: nextWatermark(row, watermark),
  };
}

/** Section 2.2. Taking over an expired lease consumes no retry; only `force` refills the budget. */
export function claimed(row: JobRow, request: ClaimRequest): JobRow {
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
export function granted(row: JobRow, before: JobRow | null): ClaimOutcome {
  const { fence, input_watermark } = row;
  const outcome: ClaimOutcome = { kind: "claimed", fence, watermark: input_watermark ?? 0 };
  return before === null ? outcome : { ...outcome, before };
}

/**
 * A process (again) acts for the run that holds the row: the lease is renewed, and a worker that is not the row's
 * raises the fence, so that the former one is shut out. The same worker is only repeating itself.
 */
export function takenOver(
  row: JobRow,
  by: { readonly worker: string; readonly leaseSeconds: number; readonly nowMs: number },
): JobRow {
  const fence = row.worker_id === by.worker ? row.fence : row.fence + 1;
  return { ...row, worker_id: by.worker, lease_until: leaseUntil(by), fence };
}

/** Section 2.5. */
export function succeeded(row: JobRow, by: { readonly watermark: number; readonly nowMs: number }): JobRow {
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
export function failed(row: JobRow, by: JobFailure): JobRow {
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

export function released(row: JobRow, reason: string): JobRow {
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
export function restored(row: JobRow, before: JobRow): JobRow {
  const back = { ...before, fence: row.fence };
  const wanted = row.input_watermark;
  const isNewer = wanted !== null && wanted > (before.input_watermark ?? 0);
  return isNewer ? enqueued(back, back.job_key, wanted) : back;
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
