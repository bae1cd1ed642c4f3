import fc from "fast-check";
import { expect, test } from "vitest";
import { openMemoryStore } from "../../src/persistence/memory/index.ts";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";
import { type Deed, deeds, doTo, ModelJob } from "./job-model.ts";

test("any list of deeds gives the same answers and rows in both stores as in a plain model", async () => {
  const seen = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(deeds, async (list) => {
      const sqlite = await openSqliteStore({ path: ":memory:" });
      const memory = openMemoryStore();
      const model = new ModelJob();
      for (const deed of list) {
        const expected = model.answer(deed);
        const told = `${deed.what} ${JSON.stringify(deed)}`;
        expect(await doTo(memory.jobs, deed), told).toEqual(expected);
        expect(await doTo(sqlite.jobs, deed), told).toEqual(expected);
        expect(await memory.jobs.read("global"), told).toEqual(model.row);
        expect(await sqlite.jobs.read("global"), told).toEqual(model.row);
        const kind = `${deed.what} → ${kindOf(expected)}`;
        seen.set(kind, (seen.get(kind) ?? 0) + 1);
      }
      await sqlite.close();
    }),
    // The same lists every time: which answers come up must not depend on luck. The next property is random.
    { numRuns: 200, seed: 1 },
  );
  // The property is worth something only if every answer came up.
  expect(EVERY_ANSWER.filter((answer) => !seen.has(answer))).toEqual([]);
});

test("the fence never goes back and the watermark of success never falls", async () => {
  await fc.assert(
    fc.asyncProperty(deeds, async (list) => {
      const { jobs } = openMemoryStore();
      let [fence, success] = [0, 0];
      for (const deed of list.filter(({ what }) => what !== "restore" && what !== "disown")) {
        await doTo(jobs, deed);
        const row = await jobs.read("global");
        expect(row?.fence ?? 0).toBeGreaterThanOrEqual(fence);
        expect(row?.last_success_watermark ?? 0).toBeGreaterThanOrEqual(success);
        [fence, success] = [row?.fence ?? 0, row?.last_success_watermark ?? 0];
      }
    }),
    { numRuns: 100 },
  );
});

const SETTLING: readonly Deed["what"][] = ["succeed", "fail", "failUnowned", "release", "restore"];

const EVERY_ANSWER = [
  ...SETTLING.flatMap((what) => ["applied", "already", "lost"].map((answer) => `${what} → ${answer}`)),
  ...["claimed", "not-dirty", "exhausted", "backing-off", "running", "cooling-down"].map(
    (answer) => `claim → ${answer}`,
  ),
  ...["kept", "lost"].map((answer) => `renew → ${answer}`),
  ...["null", "lease"].map((answer) => `takeOver → ${answer}`),
];

function kindOf(answer: unknown): string {
  if (answer === undefined || typeof answer === "string") return String(answer);
  if (answer === null) return "null";
  const { kind, why, lost } = answer as { kind?: string; why?: string; lost?: readonly string[] };
  if (lost) return lost.length === 0 ? "kept" : "lost";
  return why ?? kind ?? "lease";
}
