import { setImmediate as nextTurn } from "node:timers/promises";
import { beforeEach, describe, expect, test } from "vitest";
import type { Store } from "../../domain/ports.ts";
import { commitOf, createdRun, intent, NOW_MS, newRun, type OpenWorld, openEach } from "./given.ts";

export function commitContract(name: string, open: OpenWorld): void {
  describe(`commits · ${name}`, () => {
    let a: Store;
    let b: Store;
    openEach(open, (world) => {
      ({ a, b } = world);
    });

    const created = createdRun();

    describe("creation", () => {
      test("keeps run, snapshot, log row and intents together", async () => {
        const first = commitOf(0, { intents: [intent("run-1/0/claim")] });
        expect(await a.runs.create(newRun(), first)).toBe("ok");
        expect(await b.runs.read("run-1")).toEqual(created);
        expect(await b.runs.openIntents("run-1")).toEqual(first.intents);
        const { sequence, atMs, eventType: type, value, event: data } = first;
        expect(await b.runs.log({ after: 0, limit: 9 })).toEqual([
          { id: expect.any(Number), run: "run-1", sequence, atMs, type, value, data },
        ]);
      });

      test("repeated with the same content is ok, also when the run has moved on, and adds nothing", async () => {
        const first = commitOf(0, { intents: [intent("run-1/0/claim")] });
        await a.runs.create(newRun(), first);
        expect(await b.runs.create(newRun(), first)).toBe("ok");
        await a.runs.commit(commitOf(1));
        expect(await b.runs.create(newRun(), first)).toBe("ok");
        expect(await a.runs.openIntents("run-1")).toEqual([]);
        expect((await a.runs.log({ after: 0, limit: 9 })).length).toBe(2);
      });

      test("with other content is stale, under another fence it is fenced", async () => {
        await a.runs.create(newRun(), commitOf(0));
        expect(await b.runs.create(newRun(), commitOf(0, { snapshot: "other" }))).toBe("stale");
        expect(await b.runs.create(newRun(), commitOf(0, { fence: 2 }))).toBe("fenced");
        expect(await a.runs.read("run-1")).toEqual(created);
      });

      test("of an unknown run finds nothing", async () => {
        expect(await a.runs.read("nobody")).toBeNull();
        expect(await a.runs.openIntents("nobody")).toEqual([]);
      });
    });

    describe("a step that says what it changed", () => {
      const x = intent("run-1/0/x");
      const y = intent("run-1/0/y");
      const z = intent("run-1/1/z");
      const child = { src: "work", snapshot: { status: "active" } };
      const first = {
        status: "active",
        value: "a",
        context: { count: 1, left: "b" },
        children: { x: child },
      };
      const second = { ...first, value: "b", context: { count: 2, added: [1] }, children: { z: child } };
      const third = { ...second, value: "c" };
      const stepTwo = commitOf(1, {
        snapshot: JSON.stringify(second),
        intents: [{ ...y, messages: 1 }, z],
        patch: JSON.stringify({
          value: "b",
          context: { count: 2, added: [1] },
          dropped: ["left"],
          children: { z: child, x: null },
          opened: [{ ...y, messages: 1 }, z],
          closed: [x.key],
        }),
      });
      const stepThree = commitOf(2, {
        snapshot: JSON.stringify(third),
        intents: stepTwo.intents,
        patch: JSON.stringify({ value: "c" }),
      });
      const stateOf = async (store: Store) => {
        const { snapshot, sequence, updatedAtMs } = (await store.runs.read("run-1")) ?? {};
        const intents = await store.runs.openIntents("run-1");
        return { state: JSON.parse(snapshot ?? "null") as unknown, sequence, updatedAtMs, intents };
      };
      const afterThree = {
        state: third,
        sequence: 2,
        updatedAtMs: stepThree.atMs,
        intents: stepThree.intents,
      };

      beforeEach(async () => {
        await a.runs.create(newRun(), commitOf(0, { snapshot: JSON.stringify(first), intents: [x, y] }));
      });

      test("is read back by every process as the whole state it led to", async () => {
        expect(await a.runs.commit(stepTwo)).toBe("ok");
        expect(await stateOf(b)).toEqual({
          state: second,
          sequence: 1,
          updatedAtMs: stepTwo.atMs,
          intents: stepTwo.intents,
        });
        await a.runs.note("run-1", { atMs: NOW_MS, type: "note", data: 1 });
        expect(await a.runs.commit(stepThree)).toBe("ok");
        expect(await stateOf(b)).toEqual(afterThree);
        const [listed] = await b.runs.list({ state: "active", limit: 9 });
        expect(listed).toEqual(await b.runs.read("run-1"));
      });

      test("is written once when it is repeated, and is stale with other content or out of its turn", async () => {
        await a.runs.commit(stepTwo);
        expect(await a.runs.commit({ ...stepTwo })).toBe("ok");
        expect(await b.runs.commit({ ...stepTwo })).toBe("ok");
        expect(await b.runs.commit({ ...stepTwo, event: "{}" })).toBe("stale");
        expect(await a.runs.commit({ ...stepThree, sequence: 3 })).toBe("stale");
        expect((await a.runs.log({ after: 0, limit: 9 })).length).toBe(2);
        expect(await a.runs.commit(stepThree)).toBe("ok");
        expect(await stateOf(a)).toEqual(afterThree);
      });

      test("stays with the run when another process takes it over, and under the old fence nothing is added", async () => {
        await a.runs.commit(stepTwo);
        await a.runs.commit(stepThree);
        const taken = await b.runs.takeOver({ run: "run-1", fence: 1, owner: "other", nowMs: NOW_MS + 9 });
        expect(taken).toMatchObject({ sequence: 2, fence: 2, owner: "other", updatedAtMs: NOW_MS + 9 });
        expect(await stateOf(a)).toEqual({ ...afterThree, updatedAtMs: NOW_MS + 9 });
        expect(await a.runs.commit(commitOf(3, { patch: "{}" }))).toBe("fenced");
        const { patch: _, ...whole } = stepThree;
        expect(await b.runs.commit({ ...whole, fence: 2, sequence: 3 })).toBe("ok");
        expect(await stateOf(a)).toEqual({ ...afterThree, sequence: 3 });
      });

      test("is over for a run that goes on in another version with a state of that one", async () => {
        await a.runs.commit(stepTwo);
        const as = { version: "2", hash: "h2", snapshot: JSON.stringify({ ...second, value: "new" }) };
        const request = { run: "run-1", fence: 1, owner: "other", nowMs: NOW_MS + 9, as };
        expect(await b.runs.takeOver(request)).toMatchObject({ ...as, sequence: 1 });
        expect((await stateOf(a)).state).toEqual({ ...second, value: "new" });
        expect(await a.runs.openIntents("run-1")).toEqual(stepTwo.intents);
      });

      test("is in the state a parked run is left in, and in the whole state that comes after it", async () => {
        await a.runs.commit(stepTwo);
        await a.runs.park({ run: "run-1", fence: 1, reason: "why", nowMs: NOW_MS + 9 });
        expect((await stateOf(b)).state).toEqual(second);
        await b.runs.takeOver({ run: "run-1", fence: 1, owner: "o", nowMs: NOW_MS, isParked: true });
        const { patch: _, ...whole } = stepThree;
        expect(await b.runs.commit({ ...whole, fence: 2, state: "done" })).toBe("ok");
        await b.runs.dropPatches();
        expect(await stateOf(a)).toEqual(afterThree);
      });
    });

    describe("a commit", () => {
      beforeEach(async () => {
        await a.runs.create(newRun(), commitOf(0, { intents: [intent("run-1/0/x"), intent("run-1/0/y")] }));
      });

      test("moves snapshot and sequence, and leaves open the intents it names, in their order", async () => {
        const timer = intent("run-1/1/t", { kind: "timer", dueAtMs: NOW_MS + 5000 });
        const commit = commitOf(1, { intents: [intent("run-1/0/y"), timer, intent("run-1/1/a")] });
        expect(await b.runs.commit(commit)).toBe("ok");
        expect(await a.runs.read("run-1")).toEqual({
          ...created,
          sequence: 1,
          snapshot: commit.snapshot,
          updatedAtMs: commit.atMs,
        });
        expect(await a.runs.openIntents("run-1")).toEqual(commit.intents);
      });

      test("keeps the order of intents past ten commits", async () => {
        const intents = Array.from({ length: 11 }, (_, at) => intent(`run-1/${at + 1}/z`));
        for (let at = 1; at <= 11; at += 1)
          await a.runs.commit(commitOf(at, { intents: intents.slice(0, at) }));
        expect(await b.runs.openIntents("run-1")).toEqual(intents);
      });

      test("repeated with the same content is ok and written once", async () => {
        const commit = commitOf(1, { intents: [intent("run-1/0/y"), intent("run-1/1/a")] });
        expect([await a.runs.commit(commit), await b.runs.commit(commit)]).toEqual(["ok", "ok"]);
        expect((await a.runs.log({ run: "run-1", after: 0, limit: 9 })).length).toBe(2);
        await a.runs.commit(commitOf(2, { intents: [intent("run-1/0/y")] }));
        expect(await b.runs.commit(commit)).toBe("ok");
        expect(await a.runs.openIntents("run-1")).toEqual([intent("run-1/0/y")]);
      });

      test.each([
        ["another event", { event: "{}" }],
        ["another type", { eventType: "other" }],
        ["another value", { value: "other" }],
        ["another time", { atMs: 1 }],
        ["another snapshot", { snapshot: "{}" }],
        ["another end", { state: "done" }],
      ] as const)("whose sequence is taken by %s is stale", async (_, other) => {
        await a.runs.commit(commitOf(1));
        const before = await a.runs.read("run-1");
        expect(await b.runs.commit(commitOf(1, other))).toBe("stale");
        expect(await a.runs.read("run-1")).toEqual(before);
      });

      test("that skips a sequence is stale", async () => {
        expect(await a.runs.commit(commitOf(2))).toBe("stale");
        expect(await a.runs.read("run-1")).toEqual(created);
      });

      test("of two at once with the same sequence is given to one", async () => {
        const outcomes = await Promise.all([
          a.runs.commit(commitOf(1, { event: '{"by":"a"}' })),
          b.runs.commit(commitOf(1, { event: '{"by":"b"}' })),
        ]);
        expect(outcomes.sort()).toEqual(["ok", "stale"]);
      });

      test("under a former fence is fenced, of an unknown run too, and writes nothing", async () => {
        await b.runs.takeOver({ run: "run-1", fence: 1, owner: "owner-b", nowMs: NOW_MS });
        expect(await a.runs.commit(commitOf(1, { intents: [intent("run-1/1/a")] }))).toBe("fenced");
        expect(await a.runs.commit(commitOf(1, { run: "nobody" }))).toBe("fenced");
        expect((await a.runs.log({ after: 0, limit: 9 })).length).toBe(1);
        expect((await a.runs.openIntents("run-1")).length).toBe(2);
      });

      test("of a run that is over is stale, but its last commit repeated is ok", async () => {
        const last = commitOf(1, { state: "done" });
        expect(await a.runs.commit(last)).toBe("ok");
        expect(await b.runs.commit(last)).toBe("ok");
        expect(await b.runs.commit(commitOf(2))).toBe("stale");
        expect((await a.runs.read("run-1"))?.state).toBe("done");
      });

      test.each([
        ["an intent twice", [intent("run-1/1/a"), intent("run-1/1/a")]],
        ["an intent under another run's key", [intent("run-2/1/a", { run: "run-1" })]],
        ["an intent of another run", [intent("run-1/1/a", { run: "run-2" })]],
      ])("that names %s is refused as a whole", async (_, intents) => {
        await expect(a.runs.commit(commitOf(1, { intents }))).rejects.toMatchObject({
          code: "store_rejected",
        });
        expect(await b.runs.read("run-1")).toEqual(created);
        expect((await b.runs.openIntents("run-1")).length).toBe(2);
      });

      test("leaves the intents of other runs alone", async () => {
        await a.runs.create(newRun({ id: "run-2" }), commitOf(0, { run: "run-2" }));
        await a.runs.commit(commitOf(1, { run: "run-2" }));
        expect((await a.runs.openIntents("run-1")).length).toBe(2);
      });

      test("is never seen half: an intent that follows another is open exactly when that one is not", async () => {
        await a.runs.commit(commitOf(1, { intents: [intent("run-1/1/z")] }));
        const writing = Array.from({ length: 20 }, (_, at) =>
          a.runs.commit(commitOf(at + 2, { intents: [intent(`run-1/${at + 2}/z`)] })),
        );
        for (let look = 0; look < 20; look += 1) {
          const keys = (await b.runs.openIntents("run-1")).map(({ key }) => key);
          expect(keys.filter((key) => key.endsWith("/z")).length).toBe(1);
          await nextTurn();
        }
        expect(new Set(await Promise.all(writing))).toEqual(new Set(["ok"]));
      });
    });
  });
}

/** What a run of several actors keeps, and what other processes leave for it. */
export function actorContract(name: string, open: OpenWorld): void {
  describe(`actors and signals · ${name}`, () => {
    let a: Store;
    let b: Store;
    openEach(open, async (world) => {
      ({ a, b } = world);
      await a.runs.create(newRun(), commitOf(0));
    });

    const pay = { key: "pay", snapshot: '{"value":"charging"}', intents: [intent("run-1/1/pay/charge")] };
    const ship = { key: "ship", snapshot: '{"value":"packing"}', intents: [] };

    test("a commit keeps the actors it names, leaves the others and removes those that are over", async () => {
      await a.runs.commit(commitOf(1, { actors: [ship, pay] }));
      const paid = { ...pay, snapshot: '{"value":"paid"}', intents: [] };
      await a.runs.commit(commitOf(2, { actors: [paid] }));
      expect(await b.runs.actors("run-1")).toEqual(expect.arrayContaining([ship, paid]));
      await a.runs.commit(commitOf(3, { removed: ["pay"] }));
      expect([await b.runs.actors("run-1"), await b.runs.actors("nobody")]).toEqual([[ship], []]);
    });

    test("an actor's intents must be the run's own", async () => {
      const foreign = { ...pay, intents: [{ ...intent("run-2/1/x"), run: "run-2" }] };
      await expect(a.runs.commit(commitOf(1, { actors: [foreign] }))).rejects.toMatchObject({
        code: "store_rejected",
      });
      expect(await b.runs.actors("run-1")).toEqual([]);
    });

    test("the log says which actor each event of a step went to, and gives an actor's messages back", async () => {
      const messages = [
        { actor: "pay/charge", type: "again", value: null, event: '{"type":"again"}' },
        { actor: null, type: "paid", value: "shipping", event: '{"type":"paid"}' },
      ];
      await a.runs.commit(commitOf(1, { actor: "pay", messages }));
      const log = await b.runs.steps({ run: "run-1", to: 1 });
      expect(log.map(({ sequence, type, actor }) => [sequence, type, actor]).slice(1)).toEqual([
        [1, commitOf(1).eventType, "pay"],
        [1, "again", "pay/charge"],
        [1, "paid", undefined],
      ]);
      const own = await b.runs.messages({ run: "run-1", actor: "pay/charge", limit: 10 });
      expect(own.map(({ data }) => data)).toEqual(['{"type":"again"}']);
      expect(await a.runs.commit(commitOf(1, { actor: "pay", messages }))).toBe("ok");
      expect((await b.runs.steps({ run: "run-1", to: 1 })).length).toBe(log.length);
    });

    test("a signal is seen by the run's owner until a commit takes it in; its key makes it once", async () => {
      const request = { run: "run-1", key: "k", event: '{"type":"paid"}', nowMs: NOW_MS };
      const open = await b.runs.signal(request);
      const again = await a.runs.signal({ ...request, event: "{}", nowMs: NOW_MS + 1 });
      expect(again).toEqual(open);
      expect(await a.runs.inbox(newRun().owner)).toEqual({ signals: [open], paused: [] });
      await a.runs.commit(commitOf(1, { signals: [open?.id ?? -1] }));
      expect((await a.runs.inbox(newRun().owner)).signals).toEqual([]);
      const taken = { ...open, state: "handled", sequence: 1 };
      expect([await b.runs.readSignal(open?.id ?? -1), await b.runs.signal(request)]).toEqual([taken, taken]);
    });

    test("who watches is told of what another process leaves for a run, and not any more after the end", async () => {
      const calls = { first: 0, second: 0 };
      const next = Promise.withResolvers<void>();
      const [ended, watching] = [new AbortController(), new AbortController()];
      await a.runs.watch(() => {
        calls.first += 1;
      }, ended.signal);
      ended.abort();
      await a.runs.watch(() => {
        calls.second += 1;
        next.resolve();
      }, watching.signal);
      await b.runs.signal({ run: "run-1", key: null, event: "{}", nowMs: NOW_MS });
      await next.promise;
      watching.abort();
      // A store over a network may call more than once for one write, which costs its owner a look.
      expect({ ...calls, second: calls.second > 0 }).toEqual({ first: 0, second: true });
    });

    test("a signal nothing handled is closed under the run's fence", async () => {
      const signal = await a.runs.signal({ run: "run-1", key: null, event: "{}", nowMs: NOW_MS });
      const ids = [signal?.id ?? -1];
      expect(await a.runs.closeSignals({ run: "run-1", fence: 99, ids })).toBe(false);
      expect(await a.runs.closeSignals({ run: "run-1", fence: newRunFence, ids })).toBe(true);
      expect(await b.runs.readSignal(ids[0] ?? -1)).toMatchObject({ state: "unhandled", sequence: null });
    });

    test("a run that is over, or unknown, takes no signal and no pause", async () => {
      await a.runs.commit(commitOf(1, { state: "done" }));
      const signal = { key: "k", event: "{}", nowMs: NOW_MS };
      for (const run of ["run-1", "nobody"]) {
        expect(await a.runs.signal({ ...signal, run })).toBeNull();
        expect(await a.runs.pause({ run, isPaused: true, nowMs: NOW_MS })).toBe(false);
      }
    });

    test("a paused run is one until it is resumed", async () => {
      await a.runs.pause({ run: "run-1", isPaused: true, nowMs: NOW_MS });
      expect([(await b.runs.inbox(newRun().owner)).paused, (await b.runs.read("run-1"))?.pausedAtMs]).toEqual(
        [["run-1"], NOW_MS],
      );
      await b.runs.pause({ run: "run-1", isPaused: false, nowMs: NOW_MS });
      expect([(await b.runs.inbox(newRun().owner)).paused, await a.runs.read("run-1")]).toEqual([
        [],
        expect.not.objectContaining({ pausedAtMs: expect.anything() }),
      ]);
    });
  });
}

const newRunFence = commitOf(0).fence;
