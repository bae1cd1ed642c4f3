import { basename, dirname } from "node:path";
import { codeOf, SlowwaveError } from "../domain/failure.ts";
import type { Finding, Manifest } from "../domain/generation.ts";
import type { VerifyAnswer } from "../domain/phase2.ts";
import { type GateSettings, gateSeverity } from "../domain/settings.ts";
import { type Files, type Folder, removeTree, splitPath, within, withinMade } from "../files/folder.ts";
import type { RunDeps } from "../memory-files/deps.ts";
import { type HostFile, isHostPath } from "../memory-files/host-files.ts";
import { redact } from "../text/redact.ts";
import { type Base, type Candidate, type Check, candidateIn, type Remark } from "./candidate.ts";
import { groupForm, groupsIndexed } from "./handbook.ts";
import { forgedStructure, inputInstructions } from "./injection.ts";
import { handEditsKept, memoryKept } from "./loss.ts";
import { type Quarantined, quarantine } from "./quarantine.ts";
import { references } from "./references.ts";
import { residue } from "./residue.ts";
import { noSecrets, redactHostFiles } from "./secrets.ts";
import { skillForm, skillScripts, skillsKept } from "./skills.ts";
import {
  allowedPaths,
  collisions,
  controlCharacters,
  hostFilesKept,
  regularFiles,
  requiredFiles,
  sizes,
  summaryLength,
  summaryVersion,
  textOnly,
} from "./structure.ts";

export interface Verification {
  readonly answer: VerifyAnswer;
  readonly findings: readonly Finding[];
  /** What was taken out of the agent's files. */
  readonly cuts: readonly Quarantined[];
  /** Exactly what may be published; null unless the verdict is `passed`. */
  readonly manifest: Manifest | null;
}

/**
 * Judges the workspace and fixes what the host can fix: first what speaks to future agents is cut, then everything
 * that is left is checked. A refused workspace is kept for inspection as it is, but for secrets.
 */
export async function verifyWorkspace(
  { places, files }: Pick<RunDeps, "places" | "files">,
  inputFiles: readonly HostFile[],
  base: Base,
  rules: Rules,
): Promise<Verification> {
  const { files: hostFiles, remarks: secretRemarks } = await redactHostFiles(inputFiles, base);
  return inWorkspace(files, places.workspace, async (workspace) => {
    for (const [at, { path, content }] of hostFiles.entries()) {
      if (content !== inputFiles[at]?.content) await rewrite(workspace, path, content);
    }
    const found = await candidateIn(workspace, hostFiles, base);
    const { candidate, remarks: cutRemarks, cuts, rewritten } = await cutInjections(found, rules);
    const judged = await judge(candidate, rules, CHECKS);
    const all = [...secretRemarks, ...cutRemarks, ...(await residue(found)), ...judged.remarks];
    const { findings, remarks, answer } = verdictOf(all, rules);
    const isOver = answer.verdict === "refused" || (answer.verdict !== "passed" && rules.repairsLeft === 0);
    if (isOver) {
      await withoutSecrets(workspace, found);
      await applyFixes(
        workspace,
        remarks.filter(({ fix }) => fix?.do === "remove"),
        hostFiles,
      );
    } else {
      for (const [path, content] of rewritten) await rewrite(workspace, path, content);
      await applyFixes(workspace, remarks, hostFiles);
    }
    if (answer.verdict !== "passed") return { answer, findings, cuts, manifest: null };
    const written = candidate.manifest.filter(({ path }) => !isHostPath(path));
    const manifest = [...written, ...candidate.expected].sort((a, b) => (a.path < b.path ? -1 : 1));
    return { answer, findings, cuts, manifest };
  });
}

async function cutInjections(candidate: Candidate, { severities }: Rules) {
  if (gateSeverity("instruction", severities) !== "off") return quarantine(candidate);
  return { candidate, remarks: [], cuts: [], rewritten: new Map<string, Uint8Array | null>() };
}

/** What is kept of a refused run is read by people, and must not spread what the agent should not have written. */
async function withoutSecrets(workspace: Folder, { manifest, problems, text }: Candidate): Promise<void> {
  // Nobody looked through these: they may hold anything, and are not kept.
  for (const { path, kind } of problems)
    if (kind === "too-large" || kind === "too-many-lines") await rewrite(workspace, path, null);
  for (const { path } of manifest) {
    const content = isHostPath(path) ? null : text(path);
    const clear = content === null ? null : redact(content);
    if (clear !== null && clear.count > 0) await rewrite(workspace, path, Buffer.from(clear.text));
  }
}

/** Opens the workspace by way of its parent, so that an agent that replaced it by a symlink leads nowhere. */
export async function inWorkspace<Result>(
  files: Files,
  path: string,
  use: (workspace: Folder) => Promise<Result>,
): Promise<Result> {
  const above = await files.open(dirname(path));
  try {
    const workspace = await above.enter(basename(path)).catch((error: unknown) => {
      throw isReplaced(error) ? replaced(error) : error;
    });
    try {
      return await use(workspace);
    } finally {
      await workspace.close();
    }
  } finally {
    await above.close();
  }
}

function isReplaced(error: unknown): boolean {
  return ["ENOENT", "ENOTDIR", "ELOOP"].includes(codeOf(error) ?? "");
}

function replaced(cause: unknown): SlowwaveError {
  return new SlowwaveError(
    "workspace_replaced",
    "The agent took its workspace away, or put something else in its place; run again.",
    { cause },
  );
}

/** Does to the workspace what the host can put right itself. Removals first: one may stand where a file is restored. */
export async function applyFixes(
  workspace: Folder,
  remarks: readonly Remark[],
  hostFiles: readonly HostFile[],
): Promise<void> {
  const contents = new Map(hostFiles.map(({ path, content }) => [path, content]));
  const fixes = remarks.flatMap(({ fix }) => fix ?? []);
  for (const { path } of fixes.filter((fix) => fix.do === "remove")) await rewrite(workspace, path, null);
  for (const { path } of fixes.filter((fix) => fix.do === "restore")) {
    await rewrite(workspace, path, contents.get(path) ?? null);
  }
}

/** A new file in the place of whatever is there; null only takes it away. */
export async function rewrite(workspace: Folder, path: string, content: Uint8Array | null): Promise<void> {
  const [folder, name] = splitPath(path);
  if (content === null) {
    await within(workspace, folder, async (at) => at && removeTree(at, name));
    return;
  }
  await withinMade(workspace, folder, async (at) => {
    await removeTree(at, name);
    await at.create(name, content);
  });
}

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
interface Rules {
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
