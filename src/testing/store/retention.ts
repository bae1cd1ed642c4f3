import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { RetentionRequest, Store } from "../../domain/ports.ts";
import { claimedLease, commitOf, NOW_MS, newRun, output } from "./given.ts";
import type { OpenWorld, World } from "./opened-store.ts";

const DAY_MS = 24 * 60 * 60 * 1_000;

export function retentionContract(name: string, open: OpenWorld): void {
  describe(`how long runs are kept · ${name}`, () => {
    let world: World;
    let a: Store;
    let b: Store;
    beforeEach(async () => {
      world = await open();
      ({ a, b } = world);
    });
    afterEach(() => world.close());

    /** A run that ended so many days ago, with an observation and what it consolidated. */
    async function ended(id: string, days: number, status: string | null = "succeeded"): Promise<void> {
      const atMs = NOW_MS - days * DAY_MS;
      await a.runs.create(newRun({ id, createdAtMs: atMs }), commitOf(0, { run: id, atMs, fence: 1 }));
      await a.runs.note(id, { atMs, type: "note", data: id });
      await a.memories.recordInputs(id, [output("t1"), output(`t-${id}`)]);
      const snapshot = JSON.stringify({ context: { status } });
      await a.runs.commit(commitOf(1, { run: id, atMs, fence: 1, snapshot, state: "done" }));
    }

    /** Slice by slice to the end. */
    async function retire(some: Partial<RetentionRequest> = {}): Promise<void> {
      const request = { space: "global", keepRuns: 2, keepRunDays: 10, nowMs: NOW_MS, ...some };
      for (let isDone = false; !isDone; ) ({ isDone } = await b.retire(request));
    }

    const kept = async () => (await a.runs.list({ limit: 99 })).map(({ id }) => id);

    test("a run goes with its log and inputs when it is neither among the newest nor young", async () => {
      for (const [id, days] of [
        ["r1", 30],
        ["r2", 20],
        ["r3", 9],
        ["r4", 8],
        ["r5", 1],
      ] as const)
        await ended(id, days);
      await retire();
      expect(await kept()).toEqual(["r5", "r4", "r3"]);
      expect(await a.runs.log({ run: "r1", after: 0, limit: 9 })).toEqual([]);
      expect((await a.runs.log({ run: "r5", after: 0, limit: 9 })).length).toBe(3);
      const inputs = await Promise.all(["r1", "r3", "r4", "r5"].map((id) => a.memories.inputsOf(id)));
      expect(inputs.map((of) => of.map(({ threadId }) => threadId))).toEqual([
        [],
        [],
        ["t1", "t-r4"],
        ["t1", "t-r5"],
      ]);
      await retire();
      expect(await kept()).toEqual(["r5", "r4", "r3"]);
    });

    test("a failed run is kept twice as long, an unfinished or parked one for ever", async () => {
      await ended("r1", 90, "failed_agent");
      await ended("r2", 80, null);
      await a.runs.create(newRun({ id: "r3", createdAtMs: 0 }), commitOf(0, { run: "r3", atMs: 1 }));
      await a.runs.create(newRun({ id: "r4", createdAtMs: 0 }), commitOf(0, { run: "r4", atMs: 1 }));
      await a.runs.park({ run: "r4", fence: 1, reason: "unknown", nowMs: 1 });
      for (const id of ["r5", "r6"]) await ended(id, 15, "failed_agent");
      await ended("r7", 1);
      await retire();
      expect(await kept()).toEqual(["r7", "r6", "r5", "r4", "r3"]);
    });

    test("another space keeps its own, and texts that a kept run consolidated stay", async () => {
      await ended("r1", 30);
      await a.runs.create(
        newRun({ id: "r2", space: "other", createdAtMs: 0 }),
        commitOf(0, { run: "r2", state: "done", atMs: 1 }),
      );
      for (const id of ["r3", "r4"]) await ended(id, 1);
      await retire();
      expect(await kept()).toEqual(["r4", "r3", "r2"]);
      expect(await a.memories.inputsOf("r4")).toEqual([output("t1"), output("t-r4")]);
      await a.generations.collect({ nowMs: NOW_MS, graceMs: 0, limit: 99 });
      await a.generations.collect({ nowMs: NOW_MS + 1, graceMs: 0, limit: 99 });
      expect(await a.memories.inputsOf("r3")).toEqual([output("t1"), output("t-r3")]);
    });

    test("an id of the log is never given again, whatever was taken away", async () => {
      await ended("r1", 30);
      await ended("r2", 1);
      await ended("r3", 1);
      const before = (await a.runs.log({ after: 0, limit: 99 })).at(-1)?.id ?? 0;
      await a.runs.note("r1", { atMs: 0, type: "late", data: null });
      await retire();
      expect(await a.runs.note("r3", { atMs: 0, type: "next", data: null })).toBe(before + 2);
    });

    test("a settlement is found again for as long as the space's runs may ask for it", async () => {
      const lease = await claimedLease(a);
      await a.jobs.succeed({ lease, watermark: 100, nowMs: NOW_MS });
      await retire();
      expect(await a.jobs.succeed({ lease, watermark: 100, nowMs: NOW_MS })).toBe("already");
      await retire({ nowMs: NOW_MS + 21 * DAY_MS });
      expect(await a.jobs.succeed({ lease, watermark: 100, nowMs: NOW_MS })).toBe("lost");
    });
  });
}
