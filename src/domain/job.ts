/**
 * The one job of a space: whether it needs consolidation, and who does it.
 * Column names, types and seconds are the original's (`jobs`, kind `memory_consolidate_global`);
 * `fence` is ours.
 */
export type JobStatus = "pending" | "running" | "done" | "error";

export interface JobRow {
  readonly kind: "memory_consolidate_global";
  /** The space key. */
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
export const DEFAULT_RETRIES = 3;

/** What every guarded write names: whose job, under which run's token, by which process. */
export interface Lease {
  readonly space: string;
  readonly token: string;
  readonly fence: number;
}

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

/**
 * Enqueue rule (original, section 2.1): a newer watermark is taken, any other still makes the job dirty. A row of
 * another program may have no watermark: it counts as everything that was done so far, at least 0.
 */
export function nextWatermark(
  row: Pick<JobRow, "input_watermark" | "last_success_watermark">,
  wanted: number,
): number {
  const current = row.input_watermark ?? row.last_success_watermark ?? 0;
  return wanted > current ? wanted : current + 1;
}
