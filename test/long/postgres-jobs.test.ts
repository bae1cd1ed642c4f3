import fc from "fast-check";
import { expect, test } from "vitest";
import { inStep } from "../../src/testing/store/given.ts";
import { deeds, doTo, ModelJob } from "../contract/job-model.ts";
import { postgresWorld } from "../contract/postgres-world.ts";

const open = postgresWorld({ major: 15, doors: 2 });

test("any list of deeds gives the same answers and rows on PostgreSQL as in a plain model, through either store", async () => {
  await fc.assert(
    fc.asyncProperty(deeds, async (list) => {
      const { a, b, close } = inStep(await open());
      const model = new ModelJob();
      for (const [at, deed] of list.entries()) {
        const expected = model.answer(deed);
        const context = `${deed.what} ${JSON.stringify(deed)}`;
        expect(await doTo((at % 2 === 0 ? a : b).jobs, deed), context).toEqual(expected);
        expect(await a.jobs.read("global"), context).toEqual(model.row);
      }
      await close();
    }),
    { numRuns: 60, seed: 2 },
  );
});
