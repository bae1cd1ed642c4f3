import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Store } from "../../domain/ports.ts";
import { commitOf, intent, NOW_MS, newRun } from "./given.ts";
import type { OpenWorld, World } from "./opened-store.ts";

/** What a run of several actors keeps, and what other processes leave for it. */
export function actorContract(name: string, open: OpenWorld): void {
  describe(`actors and signals · ${name}`, () => {
    let world: World;
    let a: Store;
    let b: Store;
    beforeEach(async () => {
      world = await open();
      ({ a, b } = world);
      await a.runs.create(newRun(), commitOf(0));
    });
    afterEach(() => world.close());

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
