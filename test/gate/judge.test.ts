import { describe, expect, test } from "vitest";
import type { Finding } from "../../src/domain/generation.ts";
import type { Candidate, Check } from "../../src/services/gate/check.ts";
import { judge } from "../../src/services/gate/judge.ts";

const nothing: Candidate = {
  manifest: [],
  problems: [],
  text: () => null,
  bytes: () => null,
  expected: [],
  base: [],
};

const says =
  (severity: Finding["severity"], code: string): Check =>
  () => [{ finding: { code, severity, path: null, message: "", repair: null } }];

describe("a judgement", () => {
  test.each([
    [[], "passed"],
    [["warn"], "passed"],
    [["repair", "warn"], "repairable"],
    [["warn", "repair", "refuse"], "refused"],
  ] as const)("%j → %s", (severities, verdict) => {
    const checks = severities.map((severity) => says(severity, severity));
    expect(judge(nothing, checks).answer).toEqual({ verdict, findings: checks.length, codes: severities });
  });

  test("names each code once, and at most ten", () => {
    const checks = Array.from({ length: 30 }, (_, n) => says("warn", `code_${n % 12}`));
    const { findings, codes } = judge(nothing, checks).answer;
    expect({ findings, codes }).toEqual({
      findings: 30,
      codes: Array.from({ length: 10 }, (_, n) => `code_${n}`),
    });
  });

  test("a workspace nobody could look through is refused", () => {
    const { verdict } = judge({ ...nothing, problems: [{ path: "skills/x", kind: "too-many" }] }).answer;
    expect(verdict).toBe("refused");
  });
});
