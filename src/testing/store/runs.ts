import { beforeEach, describe, expect, test } from "vitest";
import type { RetentionRequest, Store } from "../../domain/ports.ts";
import {
  claimedLease,
  commitOf,
  createdRun,
  intent,
  NOW_MS,
  newRun,
  type OpenWorld,
  openEach,
  output,
} from "./given.ts";

const created = createdRun();

export function runContract(name: string, open: OpenWorld): void {
  describe(`runs · ${name}`, () => {
    let a: Store;
    let b: Store;
    openEach(open, (world) => {
      ({ a, b } = world);
    });

    describe("takeover", () => {
      beforeEach(async () => void (await a.runs.create(newRun(), commitOf(0))));
      const request = { run: "run-1", fence: 1, owner: "owner-b", nowMs: NOW_MS + 7 };
      const taken = { ...created, fence: 2, owner: "owner-b", updatedAtMs: NOW_MS + 7 };

      test("raises the fence and sets the owner; repeated by the same owner it finds itself", async () => {
        expect(await b.runs.takeOver(request)).toEqual(taken);
        expect(await b.runs.takeOver(request)).toEqual(taken);
        expect(await a.runs.read("run-1")).toEqual(taken);
      });

      test("is null when someone else was first, the run is over, or unknown", async () => {
        await b.runs.takeOver(request);
        expect(await a.runs.takeOver({ ...request, owner: "owner-c" })).toBeNull();
        await b.runs.commit(commitOf(1, { fence: 2, state: "error" }));
        expect(await a.runs.takeOver({ ...request, fence: 2, owner: "owner-c" })).toBeNull();
        expect(await a.runs.takeOver({ ...request, run: "nobody" })).toBeNull();
      });

      test("of two at once is given to one", async () => {
        const outcomes = await Promise.all([
          a.runs.takeOver({ ...request, owner: "owner-b" }),
          b.runs.takeOver({ ...request, owner: "owner-c" }),
        ]);
        expect(outcomes.filter((outcome) => outcome !== null).length).toBe(1);
      });
    });

    describe("parking", () => {
      beforeEach(
        async () => void (await a.runs.create(newRun(), commitOf(0, { intents: [intent("run-1/0/x")] }))),
      );
      const request = { run: "run-1", fence: 1, reason: "unknown version 9", nowMs: NOW_MS + 3 };

      test("ends the run with its reason; repeated it is still true", async () => {
        expect([await a.runs.park(request), await b.runs.park(request)]).toEqual([true, true]);
        const parked = { state: "parked", parked: "unknown version 9", updatedAtMs: NOW_MS + 3 };
        expect(await b.runs.read("run-1")).toEqual({ ...created, ...parked });
        expect(await b.runs.commit(commitOf(1))).toBe("stale");
      });

      test("is refused under another fence, of a run that is over, or unknown", async () => {
        expect(await a.runs.park({ ...request, fence: 2 })).toBe(false);
        expect(await a.runs.park({ ...request, run: "nobody" })).toBe(false);
        await a.runs.commit(commitOf(1, { state: "done" }));
        expect(await a.runs.park(request)).toBe(false);
      });
    });

    describe("cancelling", () => {
      test("is asked for from anywhere and seen by the owner, until the run is over", async () => {
        await a.runs.create(newRun(), commitOf(0));
        await a.runs.create(newRun({ id: "run-2" }), commitOf(0, { run: "run-2" }));
        expect(await a.runs.cancelRequests("owner-a")).toEqual([]);
        expect(await b.runs.requestCancel("run-1", NOW_MS + 1)).toBe(true);
        expect(await b.runs.requestCancel("run-1", NOW_MS + 2)).toBe(true);
        expect(await a.runs.cancelRequests("owner-a")).toEqual(["run-1"]);
        expect(await a.runs.cancelRequests("owner-b")).toEqual([]);
        expect(await a.runs.read("run-1")).toEqual({ ...created, cancelRequestedAtMs: NOW_MS + 1 });
        await b.runs.takeOver({ run: "run-1", fence: 1, owner: "owner-b", nowMs: NOW_MS });
        expect(await b.runs.cancelRequests("owner-b")).toEqual(["run-1"]);
        await b.runs.commit(commitOf(1, { fence: 2, state: "error" }));
        expect(await b.runs.cancelRequests("owner-b")).toEqual([]);
      });

      test("is false when the run is over or unknown", async () => {
        await a.runs.create(newRun(), commitOf(0));
        await a.runs.commit(commitOf(1, { state: "done" }));
        expect(await a.runs.requestCancel("run-1", NOW_MS)).toBe(false);
        expect(await a.runs.requestCancel("nobody", NOW_MS)).toBe(false);
      });
    });

    describe("the list", () => {
      test("is newest first, by space, by state, in pages", async () => {
        for (const [id, space] of [
          ["r1", "x"],
          ["r2", "y"],
          ["r3", "x"],
          ["r4", "x"],
        ] as const) {
          await a.runs.create(newRun({ id, space }), commitOf(0, { run: id }));
        }
        await a.runs.commit(commitOf(1, { run: "r3", state: "done" }));
        const ids = async (filter: Parameters<Store["runs"]["list"]>[0]) =>
          (await b.runs.list(filter)).map(({ id }) => id);
        expect(await ids({ limit: 9 })).toEqual(["r4", "r3", "r2", "r1"]);
        expect(await ids({ limit: 2 })).toEqual(["r4", "r3"]);
        expect(await ids({ limit: 2, before: "r3" })).toEqual(["r2", "r1"]);
        expect(await ids({ limit: 9, space: "x" })).toEqual(["r4", "r3", "r1"]);
        expect(await ids({ limit: 9, state: "active" })).toEqual(["r4", "r2", "r1"]);
        expect(await ids({ limit: 9, state: "active", space: "x", before: "r4" })).toEqual(["r1"]);
      });

      test("of what is unfinished leaves nothing out, oldest first, with its owner of now", async () => {
        for (const [id, space] of [
          ["r2", "x"],
          ["r1", "y"],
          ["r3", "x"],
          ["r4", "x"],
        ] as const) {
          await a.runs.create(newRun({ id, space }), commitOf(0, { run: id }));
        }
        await a.runs.commit(commitOf(1, { run: "r3", state: "done" }));
        await a.runs.park({ run: "r4", fence: 1, reason: "unknown", nowMs: NOW_MS });
        await a.runs.takeOver({ run: "r2", fence: 1, owner: "owner-b", nowMs: NOW_MS });
        const [r1, r2] = [
          { id: "r1", space: "y", owner: "owner-a" },
          { id: "r2", space: "x", owner: "owner-b" },
        ];
        expect(await b.runs.unfinished({ limit: 9 })).toEqual([r1, r2]);
        expect(await b.runs.unfinished({ limit: 1 })).toEqual([r1]);
        expect(await b.runs.unfinished({ limit: 9, after: "r1" })).toEqual([r2]);
        expect(await b.runs.unfinished({ limit: 9, after: "r2" })).toEqual([]);
        expect(await b.runs.unfinished({ space: "x", limit: 9 })).toEqual([r2]);
        expect(await b.runs.unfinished({ space: "x", limit: 9, after: "r2" })).toEqual([]);
        expect(await b.runs.unfinished({ space: "nowhere", limit: 9 })).toEqual([]);
      });

      test("counts and finds runs by how they ended; what holds no status counts as none", async () => {
        const ends = { r1: "succeeded", r2: "failed_agent", r3: "succeeded", r4: null, r5: 7 } as const;
        for (const [id, status] of Object.entries(ends)) {
          const space = id === "r3" ? "y" : "x";
          await a.runs.create(newRun({ id, space }), commitOf(0, { run: id }));
          const snapshot = JSON.stringify({ context: { status } });
          await a.runs.commit(commitOf(1, { run: id, snapshot, state: id === "r2" ? "error" : "done" }));
        }
        const [active, plain] = ["r6", "r7"];
        await a.runs.create(newRun({ id: active, space: "x" }), commitOf(0, { run: active }));
        await a.runs.create(newRun({ id: plain, space: "x" }), commitOf(0, { run: plain }));
        await a.runs.commit(commitOf(1, { run: plain, snapshot: "not JSON", state: "done" }));
        const tally = async (filter: Parameters<Store["runs"]["tally"]>[0]) =>
          (await b.runs.tally(filter)).map((row) => `${row.count} ${row.state} ${row.status}`).sort();
        expect(await tally({})).toEqual([
          "1 active null",
          "1 error failed_agent",
          "2 done succeeded",
          "3 done null",
        ]);
        expect(await tally({ space: "y" })).toEqual(["1 done succeeded"]);
        expect(await tally({ space: "nowhere" })).toEqual([]);
        const ids = async (filter: Parameters<Store["runs"]["list"]>[0]) =>
          (await b.runs.list(filter)).map(({ id }) => id);
        expect(await ids({ limit: 9, statuses: ["succeeded", "failed_agent"] })).toEqual(["r3", "r2", "r1"]);
        expect(await ids({ limit: 9, statuses: [null] })).toEqual(["r7", "r5", "r4"]);
        expect(await ids({ limit: 1, statuses: ["succeeded"], before: "r3" })).toEqual(["r1"]);
        expect(await ids({ limit: 9, statuses: [] })).toEqual([]);
      });
    });

    describe("the log", () => {
      test("numbers events and notes of all runs in one growing order, and reads on after any of them", async () => {
        await a.runs.create(newRun(), commitOf(0));
        await a.runs.create(newRun({ id: "run-2" }), commitOf(0, { run: "run-2" }));
        const note = { atMs: NOW_MS, type: "beat", data: { leaseUntil: 5, text: "…" } };
        const id = await b.runs.note("run-1", note);
        await a.runs.commit(commitOf(1));
        const all = await b.runs.log({ after: 0, limit: 99 });
        expect(all.map((row) => [row.run, row.sequence, row.type])).toEqual([
          ["run-1", 0, "event.0"],
          ["run-2", 0, "event.0"],
          ["run-1", null, "beat"],
          ["run-1", 1, "event.1"],
        ]);
        expect(all[2]).toEqual({
          id,
          run: "run-1",
          sequence: null,
          atMs: NOW_MS,
          type: "beat",
          value: null,
          data: JSON.stringify(note.data),
        });
        expect(await a.runs.log({ after: id, limit: 99 })).toEqual(all.slice(3));
        expect(await a.runs.log({ after: 0, limit: 2 })).toEqual(all.slice(0, 2));
        const ofOne = all.filter(({ run }) => run === "run-1");
        expect(await a.runs.log({ run: "run-1", after: 0, limit: 99 })).toEqual(ofOne);
        expect(await a.runs.log({ run: "run-1", after: ofOne[0]?.id ?? 0, limit: 1 })).toEqual([ofOne[1]]);
      });

      test("is read back from its end, in pages, of one run or of all", async () => {
        await a.runs.create(newRun(), commitOf(0));
        await a.runs.create(newRun({ id: "run-2" }), commitOf(0, { run: "run-2" }));
        await a.runs.note("run-1", { atMs: NOW_MS, type: "beat", data: 1 });
        await a.runs.commit(commitOf(1));
        const all = await b.runs.log({ after: 0, limit: 99 });
        expect(await b.runs.tail({ limit: 99 })).toEqual(all);
        expect(await b.runs.tail({ limit: 2 })).toEqual(all.slice(2));
        expect(await b.runs.tail({ before: all[2]?.id ?? 0, limit: 1 })).toEqual(all.slice(1, 2));
        const ofOne = all.filter(({ run }) => run === "run-1");
        expect(await b.runs.tail({ run: "run-1", limit: 2 })).toEqual(ofOne.slice(1));
        expect(await b.runs.tail({ run: "run-1", before: ofOne[1]?.id ?? 0, limit: 9 })).toEqual(
          ofOne.slice(0, 1),
        );
        expect(await b.runs.tail({ before: all[0]?.id ?? 0, limit: 9 })).toEqual([]);
      });

      test("gives the machine's own events up to a sequence, without the notes", async () => {
        await a.runs.create(newRun(), commitOf(0));
        await a.runs.note("run-1", { atMs: NOW_MS, type: "beat", data: 1 });
        for (const sequence of [1, 2]) await a.runs.commit(commitOf(sequence));
        const types = async (to: number) =>
          (await b.runs.steps({ run: "run-1", to })).map(({ type }) => type);
        expect(await types(9)).toEqual(["event.0", "event.1", "event.2"]);
        expect(await types(1)).toEqual(["event.0", "event.1"]);
        expect(await b.runs.steps({ run: "nobody", to: 9 })).toEqual([]);
      });

      test("takes notes under any fence, after the end too, but of known runs only", async () => {
        await a.runs.create(newRun(), commitOf(0, { state: "done" }));
        const note = { atMs: NOW_MS, type: "finding", data: undefined };
        const id = await b.runs.note("run-1", note);
        await expect(b.runs.note("nobody", note)).rejects.toMatchObject({ code: "store_rejected" });
        const rows = await a.runs.log({ after: 0, limit: 9 });
        expect(rows.slice(1).map((row) => [row.id, row.data])).toEqual([[id, "null"]]);
      });
    });
  });
}

const DAY_MS = 24 * 60 * 60 * 1_000;

export function retentionContract(name: string, open: OpenWorld): void {
  describe(`how long runs are kept · ${name}`, () => {
    let a: Store;
    let b: Store;
    openEach(open, (world) => {
      ({ a, b } = world);
    });

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

    test("a run that is over shows what it showed before, and an unfinished one goes on from where it was", async () => {
      const patched = (run: string, sequence: number) => {
        const snapshot = JSON.stringify({
          status: "active",
          value: `s${sequence}`,
          context: { at: sequence },
        });
        const patch = JSON.stringify({ value: `s${sequence}`, context: { at: sequence } });
        return commitOf(sequence, { run, fence: 1, snapshot, patch });
      };
      for (const id of ["over", "active"]) {
        await a.runs.create(newRun({ id }), commitOf(0, { run: id, fence: 1 }));
        for (const sequence of [1, 2, 3]) await a.runs.commit(patched(id, sequence));
      }
      const end = commitOf(4, { run: "over", fence: 1, state: "done" });
      await a.runs.commit(end);
      const shown = async () => ({
        runs: await a.runs.list({ limit: 9 }),
        log: await a.runs.log({ run: "over", after: 0, limit: 99 }),
        steps: await a.runs.steps({ run: "over", to: 99 }),
        active: await a.runs.read("active"),
      });
      const before = await shown();
      await retire();
      await retire();
      expect(await shown()).toEqual(before);
      expect(await a.runs.commit(end)).toBe("ok");
      expect(await a.runs.commit(patched("active", 4))).toBe("ok");
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
      const late = await a.runs.note("r1", { atMs: 0, type: "late", data: null });
      await retire();
      expect(await a.runs.note("r3", { atMs: 0, type: "next", data: null })).toBeGreaterThan(late);
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
