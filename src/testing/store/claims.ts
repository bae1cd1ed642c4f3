import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Store } from "../../domain/ports.ts";
import { asking, claimedLease, jobRow, laterMs, NOW, NOW_MS, runningRow } from "./given.ts";
import type { OpenWorld, World } from "./opened-store.ts";

/** Who gets the job of a space. `a` and `b` are two processes as far as the store can know. */
export function claimContract(name: string, open: OpenWorld): void {
  describe(`claims · ${name}`, () => {
    let world: World;
    let a: Store;
    let b: Store;
    beforeEach(async () => {
      world = await open();
      ({ a, b } = world);
    });
    afterEach(() => world.close());

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
        expect((await a.jobs.list()).map(({ job_key }) => job_key)).toEqual(["one", "two"]);
      });
    });
  });
}
