import fc from "fast-check";
import type { JobRow, JobStore } from "../../src/domain/job.ts";
import { NOW_MS } from "../../src/testing/store/given.ts";

/** One thing that processes do to the one job, at a time of their own (clocks differ, and jump). */
export type Deed = {
  readonly what:
    | "enqueue"
    | "claim"
    | "renew"
    | "succeed"
    | "fail"
    | "failUnowned"
    | "release"
    | "restore"
    | "disown"
    | "takeOver";
  readonly token: string;
  readonly worker: string;
  /** Which of the fences handed out so far, counted from the newest. */
  readonly fenceBack: number;
  readonly number: number;
  readonly force: boolean;
  readonly at: number;
};

/** Weighted so that lists get somewhere: mostly one token that acts under its own fence, often said twice. */
const deed: fc.Arbitrary<Deed> = fc.record({
  what: fc.oneof(
    { weight: 4, arbitrary: fc.constant("enqueue" as const) },
    { weight: 8, arbitrary: fc.constant("claim" as const) },
    { weight: 3, arbitrary: fc.constant("fail" as const) },
    {
      weight: 7,
      arbitrary: fc.constantFrom(
        ...(["renew", "succeed", "failUnowned", "release", "restore", "disown", "takeOver"] as const),
      ),
    },
  ),
  token: fc.constantFrom("t1", "t1", "t1", "t2"),
  worker: fc.constantFrom("w1", "w1", "w2"),
  fenceBack: fc.constantFrom(0, 0, 0, 0, 0, 1, 2),
  number: fc.integer({ min: 0, max: 12 }),
  force: fc.constantFrom(true, false, false),
  at: fc.integer({ min: 0, max: 40 }),
});

export const deeds: fc.Arbitrary<readonly Deed[]> = fc
  .array(fc.tuple(deed, fc.boolean()), { minLength: 1, maxLength: 45, size: "max" })
  .map((list) => list.flatMap(([what, isRepeated]) => (isRepeated ? [what, what] : [what])));

/** How many failures in a row end the claims of this process: settings differ between processes. */
const retriesOf = ({ number }: Pick<Deed, "number">) => 1 + (number % 3);

/** Does it to a store. The fence a caller names is one that exists, or existed. */
export async function doTo(jobs: JobStore, deed: Deed): Promise<unknown> {
  const { token, worker, number } = deed;
  const nowMs = NOW_MS + deed.at * 1000;
  const row = await jobs.read("global");
  const lease = { space: "global", token, fence: (row?.fence ?? 0) - deed.fenceBack };
  const ask = { space: "global", token, worker, leaseSeconds: number, nowMs };
  switch (deed.what) {
    case "enqueue":
      return jobs.enqueue("global", number);
    case "claim":
      return jobs.claim({
        ...ask,
        successCooldownSeconds: deed.fenceBack * 10,
        force: deed.force,
        retries: retriesOf(deed),
      });
    case "renew":
      return jobs.renew([lease], { leaseSeconds: number, nowMs });
    case "succeed":
      return jobs.succeed({ lease, watermark: number, nowMs });
    case "fail":
      return jobs.fail({ lease, reason: "bad", retryDelaySeconds: number, nowMs });
    case "failUnowned":
      return jobs.failUnowned({ lease, reason: "bad", retryDelaySeconds: number, nowMs });
    case "release":
      return jobs.release({ lease, reason: "cancelled", nowMs });
    case "restore":
      return jobs.release({ lease, reason: "dry", nowMs, restore: earlier(row, "done") });
    case "disown":
      return jobs.release({ lease, reason: "dry", nowMs, restore: earlier(row, "running") });
    case "takeOver":
      return jobs.takeOver(ask);
  }
}

/** A row to put back: one that is done, or one that runs under no token. */
function earlier(row: JobRow | null, status: "done" | "running"): JobRow {
  return {
    kind: "memory_consolidate_global",
    job_key: "global",
    status,
    worker_id: "w0",
    ownership_token: null,
    started_at: 1,
    finished_at: null,
    lease_until: null,
    retry_at: null,
    retry_remaining: 1,
    last_error: null,
    input_watermark: (row?.input_watermark ?? 1) - 1,
    last_success_watermark: 0,
    fence: 0,
  };
}

/**
 * The same job as one plain object, written from the rules and without any of the stores' code. What it keeps of
 * settlements is the whole history; `answer` is what each deed must give.
 */
export class ModelJob {
  row: JobRow | null = null;
  readonly #settled = new Map<string, string>();

  answer(deed: Deed): unknown {
    const { token, worker, number } = deed;
    const now = Math.floor((NOW_MS + deed.at * 1000) / 1000);
    const row = this.row;
    const fence = (row?.fence ?? 0) - deed.fenceBack;
    const runs = row?.status === "running";
    const isMine = runs && row.ownership_token === token && row.fence === fence;
    const isUnowned = runs && row.ownership_token === null;
    switch (deed.what) {
      case "enqueue":
        this.#enqueue(number);
        return undefined;
      case "claim":
        return this.#claim(deed, now);
      case "renew":
        if (isMine) this.#set({ lease_until: now + number });
        return { lost: isMine ? [] : ["global"] };
      case "succeed": {
        const done = Math.max(row?.last_success_watermark ?? 0, number);
        const change = { status: "done", finished_at: now, lease_until: null, last_error: null } as const;
        return this.#settle(isMine, token, "succeeded", { ...change, last_success_watermark: done });
      }
      case "fail":
      case "failUnowned":
        return this.#settle(isMine || (deed.what === "failUnowned" && isUnowned), token, "failed", {
          status: "error",
          finished_at: now,
          lease_until: null,
          retry_at: now + number,
          retry_remaining: (row?.retry_remaining ?? 0) - 1,
          last_error: "bad",
        });
      case "release": {
        const change = { status: "pending", worker_id: null, lease_until: null, retry_at: null } as const;
        return this.#settle(isMine, token, "released", { ...change, last_error: "cancelled" });
      }
      case "restore":
      case "disown": {
        const before = earlier(row, deed.what === "restore" ? "done" : "running");
        const answer = this.#settle(isMine, token, "released", { ...before, fence: row?.fence ?? 0 });
        // What is wanted by now is one more than the earlier row wants.
        if (answer === "applied") this.#enqueue(row?.input_watermark ?? 0);
        return answer;
      }
      case "takeOver": {
        if (!runs || row.ownership_token !== token) return null;
        this.#actAs(worker, now + number);
        return { space: "global", token, fence: this.row?.fence };
      }
    }
  }

  #claim({ token, worker, number, force, fenceBack }: Deed, now: number): unknown {
    const row = this.row;
    const skipped = (why: string) => ({ kind: "skipped", why });
    if (row === null) return skipped("not-dirty");
    const watermark = row.input_watermark ?? 0;
    if (row.status === "running" && row.ownership_token === token) {
      this.#actAs(worker, now + number);
      return { kind: "claimed", fence: this.row?.fence, watermark };
    }
    if (watermark <= (row.last_success_watermark ?? 0)) return skipped("not-dirty");
    if (!force && 3 - row.retry_remaining >= retriesOf({ number })) return skipped("exhausted");
    if (!force && row.retry_at !== null && row.retry_at > now) return skipped("backing-off");
    if (row.status === "running" && row.lease_until !== null && row.lease_until > now)
      return skipped("running");
    const since = row.finished_at === null || row.last_error !== null ? null : now - row.finished_at;
    const cooldown = fenceBack * 10;
    if (!force && cooldown > 0 && since !== null && since < cooldown) return skipped("cooling-down");
    this.#settled.delete(token);
    this.#set({
      status: "running",
      worker_id: worker,
      ownership_token: token,
      started_at: now,
      finished_at: null,
      lease_until: now + number,
      retry_at: null,
      retry_remaining: force ? 3 : row.retry_remaining,
      last_error: null,
      fence: row.fence + 1,
    });
    return { kind: "claimed", fence: row.fence + 1, watermark };
  }

  #enqueue(watermark: number): void {
    const row = this.row;
    if (row === null) {
      this.row = { ...earlier(null, "done"), status: "pending", worker_id: null, started_at: null };
      this.#set({ retry_remaining: 3, input_watermark: watermark });
      return;
    }
    const current = row.input_watermark ?? Number.NEGATIVE_INFINITY;
    if (row.status !== "running") this.#set({ status: "pending", retry_at: null });
    this.#set({
      retry_remaining: Math.max(3, row.retry_remaining),
      input_watermark: watermark > current ? watermark : current + 1,
    });
  }

  #actAs(worker: string, until: number): void {
    const isOther = this.row?.worker_id !== worker;
    this.#set({ worker_id: worker, lease_until: until, fence: (this.row?.fence ?? 0) + (isOther ? 1 : 0) });
  }

  #settle(isAllowed: boolean, token: string, outcome: string, change: Partial<JobRow>): string {
    if (!isAllowed) return this.#settled.get(token) === outcome ? "already" : "lost";
    this.#set(change);
    this.#settled.set(token, outcome);
    return "applied";
  }

  #set(change: Partial<JobRow>): void {
    if (this.row !== null) this.row = { ...this.row, ...change };
  }
}
