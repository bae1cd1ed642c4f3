import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { areaUnderCurve } from "../../scripts/logistic.ts";
import { FEATURE_NAMES } from "../../src/extractive/features.ts";
import { INTERCEPT, WEIGHTS } from "../../src/extractive/selection-weights.ts";
import { consolidated, statements } from "./sessions.ts";

type Label = "wanted" | "marginal" | "noise";

interface Labelled {
  readonly statement: string;
  readonly side: "train" | "held";
  readonly label: Label;
  readonly source?: "recap";
  readonly features?: readonly number[];
}

const linesOf = (name: string) =>
  readFileSync(new URL(`../../training/${name}`, import.meta.url), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Labelled);

const isRead = ({ features }: Labelled) => features?.length === FEATURE_NAMES.length;
const labelled = linesOf("labels.jsonl").filter(isRead);
const settled = new Map(linesOf("held.jsonl").map(({ statement, label }) => [statement, label]));
const notes = labelled
  .filter(({ side }) => side === "held")
  .map((line) => ({ ...line, label: settled.get(line.statement) ?? line.label }));
const recaps = linesOf("held.jsonl").filter(isRead);

const scores = (lines: readonly Labelled[], ...labels: readonly Label[]) =>
  lines
    .filter(({ label }) => labels.includes(label))
    .map(({ features }) =>
      FEATURE_NAMES.reduce((sum, name, at) => sum + WEIGHTS[name] * (features?.[at] ?? 0), INTERCEPT),
    );

test.each([
  ["notes", notes, 0.85, 0.78],
  ["recaps that nobody had looked at", recaps, 0.88, 0.84],
] as const)(
  "on %s of sessions it has not seen, the model tells wanted statements from noise",
  (_, lines, noise, others) => {
    expect(labelled.length).toBeGreaterThan(2_800);
    expect(areaUnderCurve(scores(lines, "wanted"), scores(lines, "noise"))).toBeGreaterThan(noise);
    expect(areaUnderCurve(scores(lines, "wanted"), scores(lines, "marginal", "noise"))).toBeGreaterThan(
      others,
    );
  },
);

test("a list of steps is not taken for a note written to be kept because the rest of it is", () => {
  const steps = [
    "The file is very large.",
    "The diff is dominated by history files.",
    "The reviewer is right.",
  ];
  const recap = `# Fix the parser\n\nSession of an agent, from 2026-01-16 to 2026-01-17; 5 user turns, 16 agent replies, 27 tool calls.\n\n## Key steps\n\n${steps.map((step) => `- ${step}\n`).join("")}`;
  expect(statements(consolidated({ id: "aa01", day: 1, memory: "", recap }).memory)).toEqual([]);
});

test("an error that comes back in three sessions is kept with a way out alone", () => {
  const failing = (line: string) =>
    [1, 2, 3].map((day) => ({
      id: `aa0${day}`,
      day,
      memory: `## Facts\n- Let me look at the output now.\n- I updated file ${day}.\n\n## Failures\n- ${line}\n`,
    }));
  const bare = "File is not properly formatted (gofmt)";
  const solved = "`make check` says a file is not properly formatted -> run `gofmt -w .` first";
  expect(statements(consolidated(...failing(bare)).memory)).toEqual([]);
  expect(statements(consolidated(...failing(solved)).memory)).toEqual([solved]);
});
