import { expect, test } from "vitest";
import type { RunRecord } from "../../src/domain/run.ts";
import { lineOf } from "../../src/server/run-views.ts";

const over: RunRecord = {
  id: "r1",
  space: "global",
  machine: "phase2",
  version: "1",
  hash: "h",
  state: "done",
  sequence: 9,
  fence: 0,
  owner: "o",
  snapshot: "{}",
  createdAtMs: 0,
  updatedAtMs: 1,
  cancelRequestedAtMs: null,
  parked: null,
};

test.each([
  [{ status: "skipped_retry_unavailable", cause: null }, "waiting to retry"],
  [{ status: "skipped_retry_unavailable", cause: "2 of 2 runs" }, "waiting to retry: 2 of 2 runs"],
  [
    { status: "failed_budget", cause: "11 tokens, 10 are allowed" },
    "a budget was reached: 11 tokens, 10 are allowed",
  ],
  [{ status: "cancelled", cause: "whatever" }, "cancelled"],
] as const)("a run that ended with %j: %s", (context, line) => {
  expect(lineOf(over, "failed", context)).toBe(line);
});
