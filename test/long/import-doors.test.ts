import fc from "fast-check";
import { expect, test } from "vitest";
import { record, refusals } from "../import/odd-records.ts";

test("whatever import accepts, the gate lets through what the built-in agent makes of it", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 6 }), async (records) => {
      expect(await refusals(records)).toEqual([]);
    }),
    { numRuns: 200 },
  );
});
