import type { Finding } from "../domain/generation.ts";
import type { VerifyAnswer } from "../domain/phase2.ts";
import { type GateSettings, gateSeverity } from "../domain/settings.ts";
import type { Candidate } from "./candidate.ts";
import type { Check, Remark } from "./check.ts";
import { handEditsKept } from "./hand-edits.ts";
import { groupForm, groupsIndexed } from "./handbook.ts";
import { forgedStructure, inputInstructions } from "./injection.ts";
import { memoryKept } from "./loss.ts";
import { references } from "./references.ts";
import { noSecrets } from "./secrets.ts";
import { sizes, summaryLength } from "./sizes.ts";
import { skillForm, skillScripts, skillsKept } from "./skills.ts";
import {
  allowedPaths,
  collisions,
  controlCharacters,
  hostFilesKept,
  regularFiles,
  requiredFiles,
  summaryVersion,
  textOnly,
} from "./structure.ts";

/**
 * The checks of what is left when text that gives orders is cut, in the order in which their findings are told. What
 * models leave behind is looked for before the cuts (`residue`).
 */
export const CHECKS: readonly Check[] = [
  requiredFiles,
  summaryVersion,
  regularFiles,
  allowedPaths,
  sizes,
  textOnly,
  controlCharacters,
  collisions,
  hostFilesKept,
  handEditsKept,
  noSecrets,
  memoryKept,
  groupForm,
  references,
  groupsIndexed,
  summaryLength,
  skillForm,
  skillScripts,
  skillsKept,
  forgedStructure,
  inputInstructions,
];

/** How severe the checks are for this run. */
export interface Rules {
  readonly severities: GateSettings;
  /** Turns in which the agent can still repair something. */
  readonly repairsLeft: number;
}

export interface Judgement {
  /** Everything that is reported, with its severity settled. */
  readonly findings: readonly Finding[];
  /** Everything that was found: what the host fixes by itself is mended, reported or not. */
  readonly remarks: readonly Remark[];
  readonly answer: VerifyAnswer;
}

const CODES = 10;

export async function judge(
  candidate: Candidate,
  rules: Rules,
  checks: readonly Check[] = CHECKS,
): Promise<Judgement> {
  const found = await Promise.all(checks.map((check) => check(candidate)));
  return verdictOf(found.flat(), rules);
}

/** The verdict on what was found, by the rules of the run. */
export function verdictOf(remarks: readonly Remark[], rules: Rules): Judgement {
  const findings = remarks.flatMap(({ finding }) => withSeverity(finding, rules) ?? []);
  const has = (severity: Finding["severity"]) => findings.some((finding) => finding.severity === severity);
  const verdict = has("refuse") ? "refused" : has("repair") ? "repairable" : "passed";
  const codes = [...new Set(findings.toSorted(gravest).map(({ code }) => code))].slice(0, CODES);
  return { findings, remarks, answer: { verdict, findings: findings.length, codes } };
}

function withSeverity(fault: Remark["finding"], { severities, repairsLeft }: Rules): Finding | null {
  const wanted = gateSeverity(fault.code, severities);
  if (wanted === "off") return null;
  const severity = wanted === "ask" ? (repairsLeft > 0 ? "repair" : "warn") : wanted;
  return { ...fault, severity };
}

const GRAVITY = { refuse: 0, repair: 1, warn: 2 } as const;

/** The codes become the cause of a refusal, so what refused comes first. */
function gravest(a: Finding, b: Finding): number {
  return GRAVITY[a.severity] - GRAVITY[b.severity];
}
