import { describe, expect, test } from "vitest";
import type { Store } from "../../domain/ports.ts";
import type { LogRow } from "../../domain/run.ts";
import { asking, commitOf, jobRow, NOW, NOW_MS, newRun, type OpenWorld, openEach } from "./given.ts";

/** What is promised about the order of calls, and to those who follow the log. */
export function orderContract(name: string, open: OpenWorld): void {
  describe(`order · ${name}`, () => {
    let a: Store;
    let b: Store;
    openEach(open, (world) => {
      ({ a, b } = world);
    });

    test("calls for one run take effect in the order in which they were asked, though nobody waited", async () => {
      const steps = Array.from({ length: 12 }, (_, at) => at + 1);
      const asked: Promise<unknown>[] = [a.runs.create(newRun(), commitOf(0))];
      for (const step of steps) {
        asked.push(a.runs.commit(commitOf(step)));
        asked.push(a.runs.note("run-1", { atMs: NOW_MS, type: `note.${step}`, data: step }));
      }
      asked.push(a.runs.pause({ run: "run-1", isPaused: true, nowMs: NOW_MS }));
      asked.push(a.runs.requestCancel("run-1", NOW_MS));
      asked.push(a.runs.commit(commitOf(13, { state: "done" })));
      asked.push(a.runs.pause({ run: "run-1", isPaused: false, nowMs: NOW_MS }));
      const answers = await Promise.all(asked);
      expect(answers.filter((answer) => typeof answer === "string")).toEqual(Array(14).fill("ok"));
      // The last one comes too late for a run that is over.
      expect(answers.filter((answer) => typeof answer === "boolean")).toEqual([true, true, false]);
      expect((await b.runs.log({ run: "run-1", after: 0, limit: 99 })).map(({ type }) => type)).toEqual([
        "event.0",
        ...steps.flatMap((step) => [`event.${step}`, `note.${step}`]),
        "event.13",
      ]);
    });

    test("calls for one space's job take effect in the order in which they were asked, though nobody waited", async () => {
      const lease = { space: "global", token: "token-a", fence: 1 };
      const answers = await Promise.all([
        a.jobs.claim(asking()),
        a.jobs.enqueue("global", 100),
        a.jobs.claim(asking()),
        a.jobs.enqueue("global", 200),
        a.jobs.renew([lease], { leaseSeconds: 60, nowMs: NOW_MS }),
        a.jobs.succeed({ lease, watermark: 100, nowMs: NOW_MS }),
        a.jobs.release({ lease, reason: "cancelled", nowMs: NOW_MS }),
      ]);
      expect(answers).toEqual([
        { kind: "skipped", why: "not-dirty" },
        undefined,
        { kind: "claimed", fence: 1, watermark: 100 },
        undefined,
        { lost: [] },
        "applied",
        "lost",
      ]);
      expect(await b.jobs.read("global")).toEqual(
        jobRow({
          status: "done",
          worker_id: "worker-a",
          ownership_token: "token-a",
          started_at: NOW,
          finished_at: NOW,
          input_watermark: 200,
          last_success_watermark: 100,
          fence: 1,
        }),
      );
    });

    test("no row of the log is passed by: who reads on after the last one seen has seen all in the end", async () => {
      const runs = Array.from({ length: 6 }, (_, at) => `run-${at}`);
      const writes = runs.map(async (run, at) => {
        const store = at % 2 === 0 ? a : b;
        await store.runs.create(newRun({ id: run }), commitOf(0, { run }));
        // Some are asked at once and some one by one, so that short and long writes meet.
        const burst = Array.from({ length: 10 }, (_, nth) =>
          store.runs.note(run, { atMs: NOW_MS, type: "beat", data: "x".repeat(nth * 1000) }),
        );
        for (let sequence = 1; sequence <= 10; sequence += 1)
          await store.runs.commit(commitOf(sequence, { run }));
        await Promise.all(burst);
      });
      let isWritten = false;
      const written = Promise.all(writes).then(() => {
        isWritten = true;
      });
      const follow = async (store: Store, run?: string) => {
        const seen: LogRow[] = [];
        for (;;) {
          const isLast = isWritten;
          const after = seen.at(-1)?.id ?? 0;
          const page = await store.runs.log({ after, limit: 7, ...(run !== undefined && { run }) });
          seen.push(...page);
          if (isLast && page.length === 0) return seen;
          await new Promise((resolve) => setImmediate(resolve));
        }
      };
      const [byA, byB, ofOne] = await Promise.all([follow(a), follow(b), follow(b, "run-3"), written]);
      const all = await a.runs.log({ after: 0, limit: 999 });
      expect(all.map(({ id }) => id)).toEqual(all.map(({ id }) => id).sort((x, y) => x - y));
      expect(new Set(all.map(({ id }) => id)).size).toBe(6 * 21);
      expect([byA, byB]).toEqual([all, all]);
      expect(ofOne).toEqual(all.filter(({ run }) => run === "run-3"));
    });
  });
}
