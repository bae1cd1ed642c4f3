import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { areaUnderCurve } from "../../scripts/logistic.ts";
import { FEATURE_NAMES } from "../../src/extractive/features.ts";
import { INTERCEPT, WEIGHTS } from "../../src/extractive/selection-weights.ts";

interface Labelled {
  readonly side: "train" | "held";
  readonly label: "wanted" | "marginal" | "noise";
  readonly features: readonly number[];
}

const labelled = readFileSync(new URL("../../training/labels.jsonl", import.meta.url), "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as Labelled)
  .filter(({ features }) => features.length === FEATURE_NAMES.length);

const scores = (...labels: readonly Labelled["label"][]) =>
  labelled
    .filter(({ side, label }) => side === "held" && labels.includes(label))
    .map(({ features }) =>
      FEATURE_NAMES.reduce((sum, name, at) => sum + WEIGHTS[name] * (features[at] ?? 0), INTERCEPT),
    );

test("on sessions it has not seen, the model tells wanted statements from noise", () => {
  expect(labelled.length).toBeGreaterThan(1_400);
  expect(areaUnderCurve(scores("wanted"), scores("noise"))).toBeGreaterThan(0.85);
  expect(areaUnderCurve(scores("wanted"), scores("marginal", "noise"))).toBeGreaterThan(0.76);
});
