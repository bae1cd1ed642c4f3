import { describe, expect, test } from "vitest";
import type { Store } from "../../domain/ports.ts";
import {
  asking,
  claimedLease,
  jobRow,
  laterMs,
  NOW,
  NOW_MS,
  type OpenWorld,
  openEach,
  runningRow,
} from "./given.ts";

/** Who gets the job of a space. `a` and `b` are two processes as far as the store can know. */
export function claimContract(name: string, open: OpenWorld): void {
  describe(`claims · ${name}`, () => {
    let a: Store;
    let b: Store;
    openEach(open, (world) => {
      ({ a, b } = world);
    });

    describe("enqueue", () => {
      test("creates a pending row with a full budget and nothing consumed", async () => {
        await a.jobs.enqueue("global", 100);
        expect(await b.jobs.read("global")).toEqual(jobRow({ input_watermark: 100 }));
      });

      test("takes a newer watermark and steps past an equal or older one", async () => {
        await a.jobs.enqueue("global", 100);
        await b.jobs.enqueue("global", 250);
        await a.jobs.enqueue("global", 250);
        await a.jobs.enqueue("global", 7);
        expect(await a.jobs.read("global")).toEqual(jobRow({ input_watermark: 252 }));
      });

      test("while running leaves token, lease and status alone", async () => {
        await claimedLease(a);
        await b.jobs.enqueue("global", 300);
        expect(await a.jobs.read("global")).toEqual(runningRow({ input_watermark: 300 }));
      });

      test("after a failure clears the backoff, fills the budget and keeps the error", async () => {
        const lease = await claimedLease(a);
        await a.jobs.fail({ lease, reason: "failed_agent", retryDelaySeconds: 3600, nowMs: NOW_MS });
        await b.jobs.enqueue("global", 50);
        expect(await a.jobs.read("global")).toEqual(
          runningRow({
            status: "pending",
            finished_at: NOW,
            lease_until: null,
            last_error: "failed_agent",
            input_watermark: 101,
          }),
        );
      });
    });

    describe("claim", () => {
      test("of a space that was never enqueued is refused as clean and creates no row", async () => {
        expect(await a.jobs.claim(asking())).toEqual({ kind: "skipped", why: "not-dirty" });
        expect(await a.jobs.read("global")).toBeNull();
      });

      test("of a dirty space writes worker, token, whole seconds and a higher fence", async () => {
        await a.jobs.enqueue("global", 100);
        expect(await a.jobs.claim(asking())).toEqual({ kind: "claimed", fence: 1, watermark: 100 });
        expect(await b.jobs.read("global")).toEqual(runningRow());
      });

      test("of two at once is given to exactly one", async () => {
        await a.jobs.enqueue("global", 100);
        const outcomes = await Promise.all([
          a.jobs.claim(asking()),
          b.jobs.claim(asking({ token: "token-b", worker: "worker-b" })),
        ]);
        expect(outcomes.map(({ kind }) => kind).sort()).toEqual(["claimed", "skipped"]);
        expect(outcomes).toContainEqual({ kind: "skipped", why: "running" });
      });

      test("repeated by the same worker finds its own row under the same fence", async () => {
        await claimedLease(a);
        expect(await a.jobs.claim(asking())).toEqual({ kind: "claimed", fence: 1, watermark: 100 });
        expect(await a.jobs.read("global")).toEqual(runningRow());
      });

      test("repeated by another worker raises the fence, also when the lease has run out, and keeps the start", async () => {
        await claimedLease(a);
        const again = asking({ worker: "worker-b", nowMs: laterMs(4000) });
        expect(await b.jobs.claim(again)).toEqual({ kind: "claimed", fence: 2, watermark: 100 });
        expect(await a.jobs.read("global")).toEqual(
          runningRow({ worker_id: "worker-b", lease_until: NOW + 7600, fence: 2 }),
        );
      });

      test("takes an expired lease of another run without consuming a retry, and shuts the former owner out", async () => {
        const stale = await claimedLease(a);
        const taken = asking({ token: "token-b", worker: "worker-b", nowMs: laterMs(3600) });
        expect(await b.jobs.claim(taken)).toEqual({ kind: "claimed", fence: 2, watermark: 100 });
        expect(await a.jobs.succeed({ lease: stale, watermark: 100, nowMs: NOW_MS })).toBe("lost");
        expect(await a.jobs.fail({ lease: stale, reason: "x", retryDelaySeconds: 1, nowMs: NOW_MS })).toBe(
          "lost",
        );
        expect(await b.jobs.read("global")).toEqual(
          runningRow({
            worker_id: "worker-b",
            ownership_token: "token-b",
            started_at: NOW + 3600,
            lease_until: NOW + 7200,
            fence: 2,
          }),
        );
      });

      test("by force ignores backoff and an empty budget, which it refills, but never a live lease", async () => {
        const lease = await claimedLease(a, { force: true });
        await a.jobs.fail({ lease, reason: "failed_agent", retryDelaySeconds: 3600, nowMs: NOW_MS });
        const once = asking({ token: "t2", retries: 1 });
        expect(await a.jobs.claim(once)).toEqual({ kind: "skipped", why: "exhausted" });
        const forced = { ...once, force: true };
        expect(await a.jobs.claim(forced)).toEqual({ kind: "claimed", fence: 2, watermark: 100 });
        expect((await a.jobs.read("global"))?.retry_remaining).toBe(3);
        expect(await b.jobs.claim({ ...forced, token: "t3" })).toEqual({ kind: "skipped", why: "running" });
      });

      test.each([1, 2, 3, 5])(
        "is refused once %i failures in a row are as many as it allows, and not before",
        async (retries) => {
          await a.jobs.enqueue("global", 100);
          for (let failures = 0; failures < retries; failures += 1) {
            const token = `t${failures}`;
            const claim = await a.jobs.claim(asking({ token, retries }));
            const lease = { space: "global", token, fence: "fence" in claim ? claim.fence : 0 };
            await a.jobs.fail({ lease, reason: "failed_agent", retryDelaySeconds: 0, nowMs: NOW_MS });
          }
          const next = asking({ token: "next", retries });
          expect(await a.jobs.claim(next)).toEqual({ kind: "skipped", why: "exhausted" });
          await a.jobs.enqueue("global", 200);
          expect(await a.jobs.claim(next)).toMatchObject({ kind: "claimed" });
        },
      );

      test("under a token that was settled before starts a claim of its own, without the old trace", async () => {
        const lease = await claimedLease(a);
        await a.jobs.release({ lease, reason: "cancelled", nowMs: NOW_MS });
        expect(await a.jobs.claim(asking())).toEqual({ kind: "claimed", fence: 2, watermark: 100 });
        expect(await a.jobs.release({ lease, reason: "cancelled", nowMs: NOW_MS })).toBe("lost");
      });

      test("concerns its own space only", async () => {
        await claimedLease(a, { space: "one" });
        await b.jobs.enqueue("two", 5);
        const other = asking({ space: "two", token: "token-b" });
        expect(await b.jobs.claim(other)).toEqual({ kind: "claimed", fence: 1, watermark: 5 });
        expect((await a.jobs.list({ limit: 1_000_000 })).map(({ job_key }) => job_key)).toEqual([
          "one",
          "two",
        ]);
      });
    });
  });
}

/** What becomes of a claimed job. `a` and `b` are two processes as far as the store can know. */
export function settlementContract(name: string, open: OpenWorld): void {
  describe(`settlements · ${name}`, () => {
    let a: Store;
    let b: Store;
    openEach(open, (world) => {
      ({ a, b } = world);
    });

    describe("renew", () => {
      test("for a part of a second is for a whole one: no lease is over as soon as it is given", async () => {
        const lease = await claimedLease(a, { leaseSeconds: 0.4 });
        expect((await b.jobs.read("global"))?.lease_until).toBe(NOW + 1);
        await a.jobs.renew([lease], { leaseSeconds: 1.5, nowMs: NOW_MS });
        expect((await b.jobs.read("global"))?.lease_until).toBe(NOW + 2);
      });

      test("extends many leases and names the spaces that are no longer the caller's", async () => {
        const one = await claimedLease(a, { space: "one" });
        const two = await claimedLease(a, { space: "two" });
        const three = await claimedLease(a, { space: "three" });
        await b.jobs.takeOver({ ...two, worker: "worker-b", leaseSeconds: 60, nowMs: NOW_MS });
        await a.jobs.release({ lease: three, reason: "cancelled", nowMs: NOW_MS });
        const times = { leaseSeconds: 3600, nowMs: laterMs(90) };
        const strangers = [
          { ...one, token: "other" },
          { space: "nowhere", token: "token-a", fence: 1 },
        ];
        const { lost } = await a.jobs.renew([one, two, three, ...strangers], times);
        expect([...lost].sort()).toEqual(["nowhere", "one", "three", "two"]);
        expect((await b.jobs.read("one"))?.lease_until).toBe(NOW + 3690);
        expect((await b.jobs.read("two"))?.lease_until).toBe(NOW + 60);
      });

      test("revives a lease that ran out when nobody took it", async () => {
        const lease = await claimedLease(a, { leaseSeconds: 10 });
        expect(await a.jobs.renew([lease], { leaseSeconds: 10, nowMs: laterMs(500) })).toEqual({ lost: [] });
        expect((await b.jobs.read("global"))?.lease_until).toBe(NOW + 510);
      });

      test("of no leases loses none, of a thousand all in order", async () => {
        expect(await a.jobs.renew([], { leaseSeconds: 1, nowMs: NOW_MS })).toEqual({ lost: [] });
        const strangers = Array.from({ length: 1000 }, (_, at) => ({
          space: `s${at}`,
          token: "t",
          fence: 1,
        }));
        const { lost } = await a.jobs.renew(strangers, { leaseSeconds: 1, nowMs: NOW_MS });
        expect(lost).toEqual(strangers.map(({ space }) => space));
      });
    });

    describe("settling", () => {
      const end = { finished_at: NOW + 5, lease_until: null };

      test("success keeps the larger watermark and the token; repeated it has already happened", async () => {
        const lease = await claimedLease(a);
        const success = { lease, watermark: 80, nowMs: laterMs(5) };
        expect(await a.jobs.succeed(success)).toBe("applied");
        expect(await b.jobs.succeed(success)).toBe("already");
        expect(await b.jobs.read("global")).toEqual(
          runningRow({ ...end, status: "done", last_success_watermark: 80 }),
        );
      });

      test("success never lowers the watermark", async () => {
        const first = await claimedLease(a);
        await a.jobs.succeed({ lease: first, watermark: 100, nowMs: NOW_MS });
        const second = await claimedLease(a, { token: "token-b" });
        await a.jobs.succeed({ lease: second, watermark: 40, nowMs: NOW_MS });
        expect((await a.jobs.read("global"))?.last_success_watermark).toBe(100);
      });

      test("failure sets the retry time and takes one from the budget; repeated it takes no second", async () => {
        const lease = await claimedLease(a);
        const failure = { lease, reason: "failed_agent", retryDelaySeconds: 60, nowMs: laterMs(5) };
        expect(await a.jobs.fail(failure)).toBe("applied");
        expect(await b.jobs.fail(failure)).toBe("already");
        expect(await b.jobs.failUnowned(failure)).toBe("already");
        expect(await b.jobs.read("global")).toEqual(
          runningRow({
            ...end,
            status: "error",
            retry_at: NOW + 65,
            retry_remaining: 2,
            last_error: "failed_agent",
          }),
        );
      });

      test("release puts the row back, keeps watermarks, budget and token; repeated it has already happened", async () => {
        const lease = await claimedLease(a);
        const release = { lease, reason: "cancelled", nowMs: laterMs(5) };
        expect(await a.jobs.release(release)).toBe("applied");
        expect(await b.jobs.release(release)).toBe("already");
        expect(await b.jobs.read("global")).toEqual(
          runningRow({ status: "pending", worker_id: null, lease_until: null, last_error: "cancelled" }),
        );
      });

      test("under another outcome than the first is lost and changes nothing", async () => {
        const lease = await claimedLease(a);
        await a.jobs.succeed({ lease, watermark: 100, nowMs: NOW_MS });
        const before = await a.jobs.read("global");
        const failure = { lease, reason: "failed_agent", retryDelaySeconds: 60, nowMs: NOW_MS };
        expect(await a.jobs.fail(failure)).toBe("lost");
        expect(await a.jobs.failUnowned(failure)).toBe("lost");
        expect(await a.jobs.release({ lease, reason: "cancelled", nowMs: NOW_MS })).toBe("lost");
        expect(await a.jobs.read("global")).toEqual(before);
      });

      test("is remembered when others have claimed and settled since", async () => {
        const lease = await claimedLease(a);
        await a.jobs.succeed({ lease, watermark: 100, nowMs: NOW_MS });
        const other = await claimedLease(b, { token: "token-b" });
        await b.jobs.fail({ lease: other, reason: "failed_agent", retryDelaySeconds: 0, nowMs: NOW_MS });
        expect(await a.jobs.succeed({ lease, watermark: 100, nowMs: NOW_MS })).toBe("already");
      });

      test("with the right token and a former fence, or the right fence and another token, is lost", async () => {
        const lease = await claimedLease(a);
        const taken = await b.jobs.takeOver({
          ...lease,
          worker: "worker-b",
          leaseSeconds: 60,
          nowMs: NOW_MS,
        });
        expect(taken).toEqual({ ...lease, fence: 2 });
        const running = await a.jobs.read("global");
        for (const wrong of [lease, { ...lease, token: "token-b", fence: 2 }]) {
          expect(await a.jobs.succeed({ lease: wrong, watermark: 1, nowMs: NOW_MS })).toBe("lost");
          const failure = { lease: wrong, reason: "x", retryDelaySeconds: 1, nowMs: NOW_MS };
          expect(await a.jobs.fail(failure)).toBe("lost");
          expect(await a.jobs.failUnowned(failure)).toBe("lost");
          expect(await a.jobs.release({ lease: wrong, reason: "x", nowMs: NOW_MS })).toBe("lost");
        }
        expect(await a.jobs.read("global")).toEqual(running);
      });

      test("of a space without a row is lost", async () => {
        const lease = { space: "nowhere", token: "t", fence: 0 };
        expect(await a.jobs.succeed({ lease, watermark: 1, nowMs: NOW_MS })).toBe("lost");
        expect(await a.jobs.read("nowhere")).toBeNull();
      });

      test("a running row without a token is failed by the fallback only", async () => {
        const lease = await claimedLease(a);
        const unowned = runningRow({ ownership_token: null });
        await a.jobs.release({ lease, reason: "x", nowMs: NOW_MS, restore: unowned });
        const failure = { lease, reason: "failed_agent", retryDelaySeconds: 60, nowMs: NOW_MS };
        expect(await a.jobs.fail(failure)).toBe("lost");
        expect(await a.jobs.failUnowned(failure)).toBe("applied");
        expect(await a.jobs.failUnowned(failure)).toBe("already");
        const row = await a.jobs.read("global");
        expect([row?.status, row?.retry_at, row?.retry_remaining]).toEqual(["error", NOW + 60, 2]);
      });

      test("a pending row without a token is not failed by the fallback", async () => {
        await a.jobs.enqueue("global", 100);
        const lease = { space: "global", token: "t", fence: 0 };
        expect(await a.jobs.failUnowned({ lease, reason: "x", retryDelaySeconds: 60, nowMs: NOW_MS })).toBe(
          "lost",
        );
      });
    });

    describe("the end of a dry run", () => {
      const before = jobRow({
        status: "error",
        worker_id: "worker-z",
        ownership_token: "token-z",
        started_at: NOW - 900,
        finished_at: NOW - 800,
        retry_at: NOW - 1,
        retry_remaining: 1,
        last_error: "failed_agent",
        input_watermark: 150,
        last_success_watermark: 90,
        fence: 1,
      });

      async function dryRunOf(store: Store) {
        const seeding = await claimedLease(store, { token: "token-s" });
        await store.jobs.release({ lease: seeding, reason: "x", nowMs: NOW_MS, restore: before });
        expect(await store.jobs.read("global")).toEqual(before);
        const outcome = await store.jobs.claim(asking());
        expect(outcome).toEqual({ kind: "claimed", fence: 2, watermark: 150 });
        return { space: "global", token: "token-a", fence: 2 };
      }

      test("leaves the row as it was, but for the fence", async () => {
        const lease = await dryRunOf(a);
        const release = { lease, reason: "dry run", nowMs: NOW_MS, restore: before };
        expect(await b.jobs.release(release)).toBe("applied");
        expect(await a.jobs.release(release)).toBe("already");
        expect(await a.jobs.read("global")).toEqual({ ...before, fence: 2 });
      });

      test("keeps what was enqueued meanwhile", async () => {
        const lease = await dryRunOf(a);
        await b.jobs.enqueue("global", 400);
        await a.jobs.release({ lease, reason: "dry run", nowMs: NOW_MS, restore: before });
        expect(await a.jobs.read("global")).toEqual({
          ...before,
          status: "pending",
          retry_at: null,
          retry_remaining: 3,
          input_watermark: 400,
          fence: 2,
        });
      });
    });

    describe("takeover", () => {
      test("keeps the run's token, raises the fence and renews; repeated by the same worker it finds itself", async () => {
        const lease = await claimedLease(a);
        const request = { ...lease, worker: "worker-b", leaseSeconds: 60, nowMs: laterMs(10) };
        expect(await b.jobs.takeOver(request)).toEqual({ ...lease, fence: 2 });
        expect(await b.jobs.takeOver(request)).toEqual({ ...lease, fence: 2 });
        expect(await a.jobs.read("global")).toEqual(
          runningRow({ worker_id: "worker-b", lease_until: NOW + 70, fence: 2 }),
        );
      });

      test("of a token that owns nothing is null: another token, a settled row, no row", async () => {
        const by = { worker: "worker-b", leaseSeconds: 60, nowMs: NOW_MS };
        expect(await a.jobs.takeOver({ space: "global", token: "token-a", ...by })).toBeNull();
        const lease = await claimedLease(a);
        expect(await a.jobs.takeOver({ space: "global", token: "token-b", ...by })).toBeNull();
        await a.jobs.succeed({ lease, watermark: 100, nowMs: NOW_MS });
        expect(await a.jobs.takeOver({ space: "global", token: "token-a", ...by })).toBeNull();
      });
    });
  });
}
