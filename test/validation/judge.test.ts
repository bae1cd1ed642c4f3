import { describe, expect, test } from "vitest";
import {
  GATE_DEFAULTS,
  type GateCode,
  type GateSettings,
  type GateSeverity,
} from "../../src/domain/settings.ts";
import { type Candidate, type Check, NO_BASE } from "../../src/validation/candidate.ts";
import { judge } from "../../src/validation/verify-workspace.ts";

const nothing: Candidate = {
  manifest: [],
  problems: [],
  text: () => null,
  bytes: () => null,
  expected: [],
  evidence: [],
  base: NO_BASE,
};

const CODES = Object.keys(GATE_DEFAULTS) as readonly GateCode[];

const finds =
  (code: GateCode): Check =>
  () => [{ finding: { code, path: null, message: "", repair: null } }];

/** The first checks, each of a chosen severity. */
function judged(severities: readonly GateSeverity[], repairsLeft = 2) {
  const settings: GateSettings = Object.fromEntries(severities.map((severity, at) => [CODES[at], severity]));
  const checks = severities.map((_, at) => finds(CODES[at] as GateCode));
  return judge(nothing, { severities: settings, repairsLeft }, checks);
}

describe("a judgement", () => {
  test.each<[readonly GateSeverity[], number, string, readonly string[]]>([
    [[], 2, "passed", []],
    [["off"], 2, "passed", []],
    [["warn"], 2, "passed", ["warn"]],
    [["ask", "warn"], 2, "repairable", ["repair", "warn"]],
    [["ask", "warn"], 0, "passed", ["warn", "warn"]],
    [["repair", "warn"], 0, "repairable", ["repair", "warn"]],
    [["warn", "repair", "refuse"], 2, "refused", ["warn", "repair", "refuse"]],
  ])("%j with %i turns left → %s", async (severities, repairsLeft, verdict, said) => {
    const { answer, findings } = await judged(severities, repairsLeft);
    expect([answer.verdict, findings.map(({ severity }) => severity)]).toEqual([verdict, said]);
    expect(answer.findings).toBe(findings.length);
  });

  test("what is off is still mended", async () => {
    const check: Check = () => [
      {
        finding: { code: "leftover_removed", path: "x", message: "", repair: null },
        fix: { do: "remove", path: "x" },
      },
    ];
    const rules = { severities: { leftover_removed: "off" }, repairsLeft: 0 } as const;
    const { findings, remarks } = await judge(nothing, rules, [check]);
    expect([findings, remarks.map(({ fix }) => fix)]).toEqual([[], [{ do: "remove", path: "x" }]]);
  });

  test("names each code once, the gravest first, and at most ten", async () => {
    const checks = [...CODES.slice(0, 12), ...CODES.slice(0, 12)].map(finds);
    const warned = Object.fromEntries(CODES.map((code) => [code, "warn"])) as GateSettings;
    const rules = { severities: { ...warned, [CODES[11] ?? ""]: "repair" }, repairsLeft: 0 };
    const { findings, codes } = (await judge(nothing, rules, checks)).answer;
    expect([findings, codes]).toEqual([24, [CODES[11], ...CODES.slice(0, 9)]]);
  });

  test("a workspace nobody could look through is refused", async () => {
    const candidate = { ...nothing, problems: [{ path: "skills/x", kind: "too-many" as const }] };
    const { verdict } = (await judge(candidate, { severities: {}, repairsLeft: 2 })).answer;
    expect(verdict).toBe("refused");
  });
});
