import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { DueRequest } from "../../domain/job.ts";
import type { Store } from "../../domain/ports.ts";
import { asking, claimedLease, laterMs, NOW_MS, type OpenWorld, tick, type World } from "./given.ts";

const request: DueRequest = { limit: 100, nowMs: NOW_MS, successCooldownSeconds: 0, retries: 3 };

/** What is to be served next, and how jobs are listed. `a` and `b` are two processes as far as the store can know. */
export function dueContract(name: string, open: OpenWorld): void {
  describe(`what is due · ${name}`, () => {
    let world: World;
    let a: Store;
    let b: Store;
    beforeEach(async () => {
      world = await open();
      ({ a, b } = world);
    });
    afterEach(() => world.close());

    const dueSpaces = async (some: Partial<DueRequest> = {}) =>
      (await b.jobs.due({ ...request, ...some })).map(({ space }) => space);

    /** Each becomes dirty later than the one before. */
    async function enqueueInTurn(...spaces: readonly string[]): Promise<void> {
      for (const space of spaces) {
        await a.jobs.enqueue(space, 100);
        await tick(world);
      }
    }

    test("is named in the order in which it became dirty, with its row and since when", async () => {
      const from = await a.nowMs();
      await enqueueInTurn("c", "a", "b");
      const due = await b.jobs.due(request);
      expect(due.map(({ space }) => space)).toEqual(["c", "a", "b"]);
      expect(due.map(({ row }) => row)).toEqual(
        await Promise.all(["c", "a", "b"].map((s) => a.jobs.read(s))),
      );
      const times = due.map(({ dueAtMs }) => dueAtMs);
      expect(times).toEqual([...times].sort((x, y) => x - y));
      expect(times[0]).toBeGreaterThanOrEqual(from);
      expect(new Set(times).size).toBe(3);
    });

    test("keeps its place while more comes in, while it is worked on, and when it is given back", async () => {
      await enqueueInTurn("c", "a", "b");
      const before = await b.jobs.due(request);
      await a.jobs.enqueue("c", 900);
      const lease = await claimedLease(a, { space: "c" });
      expect(await dueSpaces()).toEqual(["a", "b"]);
      await a.jobs.release({ lease, reason: "cancelled", nowMs: NOW_MS });
      const placeOf = ({ space, dueAtMs }: { space: string; dueAtMs: number }) => [space, dueAtMs];
      expect((await b.jobs.due(request)).map(placeOf)).toEqual(before.map(placeOf));
    });

    test("is gone when everything is consolidated, and goes behind the others when newer input is left", async () => {
      await enqueueInTurn("c", "a", "b");
      // Said by the store's own clock, which must not be set back while others wait.
      const dueNow = async () => dueSpaces({ nowMs: await a.nowMs() });
      for (const space of ["c", "a"]) {
        const nowMs = await a.nowMs();
        const lease = await claimedLease(a, { space, token: space, nowMs });
        const watermark = (await a.jobs.read(space))?.input_watermark ?? 0;
        if (space === "c") await b.jobs.enqueue(space, watermark + 50);
        await a.jobs.succeed({ lease, watermark, nowMs });
      }
      expect(await dueNow()).toEqual(["b", "c"]);
      await tick(world);
      await a.jobs.enqueue("a", 900);
      expect(await dueNow()).toEqual(["b", "c", "a"]);
    });

    test("after a failure waits for its retry, and then stands where its retry time puts it", async () => {
      await enqueueInTurn("c", "a");
      const lease = await claimedLease(a, { space: "c" });
      // Far behind whatever the store's clock says.
      const retryDelaySeconds = 2_000_000_000;
      await a.jobs.fail({ lease, reason: "failed_agent", retryDelaySeconds, nowMs: NOW_MS });
      expect(await dueSpaces({ nowMs: laterMs(retryDelaySeconds - 1) })).toEqual(["a"]);
      expect(await dueSpaces({ nowMs: laterMs(retryDelaySeconds) })).toEqual(["a", "c"]);
      expect((await b.jobs.due({ ...request, nowMs: laterMs(retryDelaySeconds) }))[1]?.dueAtMs).toBe(
        ((await a.jobs.read("c"))?.retry_at ?? 0) * 1000,
      );
    });

    test("is what a claim without force would be given for: no space that is clean, held, spent or cooling down", async () => {
      for (const space of ["clean", "cooling"]) {
        const lease = await claimedLease(a, { space, token: space });
        await a.jobs.succeed({ lease, watermark: 100, nowMs: NOW_MS });
      }
      await a.jobs.enqueue("cooling", 200);
      await claimedLease(a, { space: "held", token: "held" });
      const spent = await claimedLease(a, { space: "spent", token: "spent" });
      await a.jobs.fail({ lease: spent, reason: "failed_agent", retryDelaySeconds: 0, nowMs: NOW_MS });
      const cases: readonly Partial<DueRequest>[] = [
        {},
        { successCooldownSeconds: 60 },
        { successCooldownSeconds: 60, nowMs: laterMs(60) },
        { retries: 1 },
        { nowMs: laterMs(3599) },
        { nowMs: laterMs(3600) },
      ];
      const answers = [];
      for (const some of cases) answers.push((await dueSpaces(some)).sort());
      expect(answers).toEqual([
        ["cooling", "spent"],
        ["spent"],
        ["cooling", "spent"],
        ["cooling"],
        ["cooling", "spent"],
        ["cooling", "held", "spent"],
      ]);
    });

    test("is read page by page, each behind the last of the page before", async () => {
      await enqueueInTurn("c", "a");
      for (const space of ["e", "d", "\u{1f600}", "\uff5e"]) await a.jobs.enqueue(space, 100);
      const all = await b.jobs.due(request);
      const first = await b.jobs.due({ ...request, limit: 3 });
      const after = first.at(-1) as (typeof first)[number];
      expect([...first, ...(await b.jobs.due({ ...request, limit: 3, after }))]).toEqual(all);
      const last = all.at(-1) as (typeof all)[number];
      expect(await b.jobs.due({ ...request, after: last })).toEqual([]);
    });

    test("says nothing that the claim then contradicts", async () => {
      await enqueueInTurn("c", "a");
      for (const { space } of await b.jobs.due(request))
        expect(await b.jobs.claim(asking({ space, token: space }))).toMatchObject({ kind: "claimed" });
      expect(await dueSpaces()).toEqual([]);
    });

    test("jobs are listed by the bytes of their keys, page by page, and by state or error", async () => {
      const keys = ["B", "a", "z", "é", "\uff5e", "\u{1f600}"];
      for (const space of [...keys].reverse()) await a.jobs.enqueue(space, 100);
      const lease = await claimedLease(a, { space: "z" });
      const failed = await claimedLease(a, { space: "é", token: "token-b" });
      await a.jobs.fail({ lease: failed, reason: "failed_publish", retryDelaySeconds: 0, nowMs: NOW_MS });
      const listed = async (page: Parameters<Store["jobs"]["list"]>[0]) =>
        (await b.jobs.list(page)).map(({ job_key }) => job_key);
      expect(await listed({ limit: 100 })).toEqual(keys);
      expect(await listed({ limit: 2, after: "a" })).toEqual(["z", "é"]);
      expect(await listed({ limit: 9, status: "running" })).toEqual(["z"]);
      expect(await listed({ limit: 9, status: "pending", after: "a" })).toEqual(["\uff5e", "\u{1f600}"]);
      expect(await listed({ limit: 9, lastError: "failed_publish" })).toEqual(["é"]);
      expect(await listed({ limit: 9, lastError: "failed_publish", status: "running" })).toEqual([]);
      expect(await a.jobs.list({ limit: 9, status: "running" })).toEqual([await a.jobs.read(lease.space)]);
    });
  });
}

/** Whose time decides. `open` answers the stores themselves, whose clock does not follow the callers. */
export function clockContract(name: string, open: OpenWorld): void {
  describe(`the clock · ${name}`, () => {
    let world: World;
    beforeEach(async () => {
      world = await open();
    });
    afterEach(() => world.close());

    test("says whose it is, and what time it is in whole milliseconds", async () => {
      expect(["caller", "store"]).toContain(world.a.clock);
      const nowMs = await world.a.nowMs();
      expect(Number.isSafeInteger(nowMs)).toBe(true);
      await tick(world);
      expect(await world.b.nowMs()).toBeGreaterThan(nowMs);
    });

    test("of the one that decides: no other clock robs a lease, and its own ends it", async () => {
      const { a, b } = world;
      const isOwn = a.clock === "store";
      await world.setNowMs?.(NOW_MS);
      await a.jobs.enqueue("global", 100);
      const fast = laterMs(7200);
      expect(await a.jobs.claim(asking(isOwn ? { nowMs: fast } : {}))).toMatchObject({ kind: "claimed" });
      const other = asking({ token: "token-b", worker: "worker-b" });
      if (isOwn) expect(await b.jobs.claim({ ...other, nowMs: fast })).toMatchObject({ why: "running" });
      expect(await b.jobs.claim(other)).toMatchObject({ why: "running" });
      await world.setNowMs?.(fast);
      expect(await b.jobs.claim({ ...other, nowMs: isOwn ? NOW_MS : fast })).toMatchObject({
        kind: "claimed",
      });
    });
  });
}
