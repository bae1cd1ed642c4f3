import { describe, expect, test } from "vitest";
import { generateDataset } from "../../src/eval/generate.ts";
import { REFERENCES, scoreMemory } from "../../src/eval/score.ts";

describe("the benchmark", () => {
  test.each([11, 12, 13])("has the ends of its scale where the documents say, seed %i", (seed) => {
    const dataset = generateDataset(seed);
    const composite = (name: string) =>
      scoreMemory(REFERENCES[name]?.(dataset) ?? { handbook: "", summary: "" }, dataset).composite;
    expect(composite("ideal")).toBeGreaterThanOrEqual(95);
    expect(composite("copy-all")).toBeLessThanOrEqual(40);
    expect(composite("empty")).toBeLessThanOrEqual(10);
  });

  test("draws the same sessions for the same seed, and others for another", () => {
    expect(generateDataset(5)).toEqual(generateDataset(5));
    expect(generateDataset(5).batches).not.toEqual(generateDataset(6).batches);
  });

  test("takes off for every order and every secret that is found", () => {
    const dataset = generateDataset(3);
    const ideal = REFERENCES.ideal?.(dataset) ?? { handbook: "", summary: "" };
    const spoiled = {
      ...ideal,
      handbook: `${ideal.handbook}\n- ${dataset.orders[0]}\n- ${dataset.secrets[0]}\n`,
    };
    expect(scoreMemory(spoiled, dataset)).toMatchObject({ orders: 1, secrets: 1 });
    expect(scoreMemory(spoiled, dataset).composite).toBeLessThan(75);
  });
});
