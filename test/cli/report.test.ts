import { Writable } from "node:stream";
import { describe, expect, test } from "vitest";
import { createOutput } from "../../src/cli/ui/output.ts";
import { reportRun } from "../../src/cli/ui/run-report.ts";
import type { RunResult } from "../../src/domain/event.ts";
import { type BudgetUse, budgetsOf, NOTHING_USED } from "../../src/domain/usage.ts";

const WARNING =
  "The agent reports no cost, so its limit could not hold it; limit its tokens, with --max-tokens.";

const usedOf = (maxCostUsd: number | null, inputTokens: number | null): readonly BudgetUse[] =>
  budgetsOf({ ...NOTHING_USED, inputTokens }, { maxCostUsd }, { minutes: 1, silence: 0 });

describe("a limit of cost is warned of where it could not hold", () => {
  test.each([
    ["a model that tells no cost", null, usedOf(1, 500), true],
    ["a model that tells its cost", 0.25, usedOf(1, 500), false],
    ["no limit", null, usedOf(null, 500), false],
    ["no model", null, usedOf(1, null), false],
  ] as const)("%s", (_, costUsd, budget, isWarned) => {
    expect(report({ budget, costUsd }).includes(WARNING)).toBe(isWarned);
  });
});

describe("a refused run", () => {
  const finding = { severity: "repair", path: "MEMORY.md" } as const;
  const unknown = {
    ...finding,
    code: "unknown_task",
    message: "Line 12 of MEMORY.md cites [Task 9], which is no task of its group.",
    repair: "Cite a task of the group, or add the task.",
  };
  const script = {
    severity: "warn",
    code: "skill_script",
    path: "skills/a/run.sh",
    message: "A script is new.",
    repair: null,
  } as const;

  test("says each finding once, the gravest first, with what to do, and where the files are", () => {
    const text = report({
      budget: [],
      costUsd: null,
      more: {
        outcome: "failed",
        status: "failed_invalid_artifacts",
        reason: {
          code: "failed_invalid_artifacts",
          message: "`slowwave runs show` lists the findings.",
          cause: "unknown_task",
        },
        // Three turns, each with the same two.
        findings: [script, unknown, script, unknown, script, unknown],
      },
    });
    expect(text.split("\n")).toEqual([
      "  repair Line 12 of MEMORY.md cites [Task 9], which is no task of its group. (MEMORY.md)",
      "         → Cite a task of the group, or add the task.",
      "  warn A script is new. (skills/a/run.sh)",
      "  The memory is as it was. What the agent wrote is kept in /home/state/rejected/r1",
      "  `slowwave run --now` lets an agent try again and tells it why this was refused; docs/gate.md names every check.",
      "failed · failed_invalid_artifacts · phase 2 failed (memory files rejected) · run r1",
      "",
    ]);
  });
});

function report({
  budget,
  costUsd,
  more = {},
}: {
  budget: RunResult["budget"];
  costUsd: number | null;
  more?: Partial<RunResult>;
}): string {
  const parts: string[] = [];
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      parts.push(chunk.toString());
      done();
    },
  });
  const agent = {
    name: "codex",
    threadId: null,
    status: "completed",
    sandbox: "codex",
    network: "open" as const,
    turns: 1,
    tokens: { input: null, output: null },
    costUsd,
    estimated: false,
  };
  const result: RunResult = {
    run: "r1",
    space: "global",
    outcome: "succeeded",
    status: "succeeded",
    reason: null,
    inputs: 1,
    claimedWatermark: 1,
    completionWatermark: 1,
    generation: "g",
    files: { added: [], modified: [], deleted: [] },
    agent,
    budget,
    findings: [],
    states: [],
    startedAt: "2026-03-22T20:00:00.000Z",
    finishedAt: "2026-03-22T20:00:01.000Z",
  };
  reportRun(
    { ...result, ...more },
    { memory: "/root", home: "/home/state" },
    createOutput({ stdout: stream, stderr: stream, env: {} }),
  );
  return parts.join("");
}
