import type { VerifyAnswer } from "../../domain/phase2.ts";
import { allowedPaths } from "./allowed-paths.ts";
import type { Candidate, Check, Remark } from "./check.ts";
import { collisions } from "./collisions.ts";
import { hostFilesKept } from "./host-files-kept.ts";
import { regularFiles } from "./regular-files.ts";
import { requiredFiles } from "./required-files.ts";
import { sizes } from "./sizes.ts";
import { summaryVersion } from "./summary-version.ts";
import { textOnly } from "./text-only.ts";

/** The gate: every check, in the order in which their findings are told. */
const CHECKS: readonly Check[] = [
  requiredFiles,
  summaryVersion,
  regularFiles,
  allowedPaths,
  sizes,
  textOnly,
  collisions,
  hostFilesKept,
];

export interface Judgement {
  readonly remarks: readonly Remark[];
  readonly answer: VerifyAnswer;
}

const CODES = 10;

export function judge(candidate: Candidate, checks: readonly Check[] = CHECKS): Judgement {
  const remarks = checks.flatMap((check) => check(candidate));
  const found = (severity: string) => remarks.some(({ finding }) => finding.severity === severity);
  const verdict = found("refuse") ? "refused" : found("repair") ? "repairable" : "passed";
  const codes = [...new Set(remarks.map(({ finding }) => finding.code))].slice(0, CODES);
  return { remarks, answer: { verdict, findings: remarks.length, codes } };
}
