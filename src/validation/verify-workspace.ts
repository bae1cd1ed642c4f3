import { basename, dirname } from "node:path";
import { gateSeverity } from "../domain/gate.ts";
import type { Finding, Manifest } from "../domain/generation.ts";
import type { VerifyAnswer } from "../domain/phase2.ts";
import type { Files, Folder } from "../files/folder.ts";
import { type HostFile, isHostPath } from "../memory-files/host-files.ts";
import type { Workbench } from "../memory-files/workbench.ts";
import { redact } from "../text/redact.ts";
import type { Base } from "./base.ts";
import { candidateIn } from "./candidate.ts";
import type { Candidate } from "./check.ts";
import { CHECKS, judge, type Rules, settled } from "./judge.ts";
import { applyMends, rewrite } from "./mend.ts";
import { type Quarantined, quarantine } from "./quarantine.ts";
import { residue } from "./residue.ts";
import { redactHostFiles } from "./secrets.ts";

export interface Verification {
  readonly answer: VerifyAnswer;
  readonly findings: readonly Finding[];
  /** What was taken out of the agent's files. */
  readonly cuts: readonly Quarantined[];
  /** Exactly what may be published; null unless the verdict is `passed`. */
  readonly manifest: Manifest | null;
}

/**
 * Judges the workspace and mends what the host can mend: first what speaks to future agents is cut, then everything
 * that is left is checked. A refused workspace is kept for inspection as it is, but for secrets.
 */
export async function verifyWorkspace(
  { places, files }: Pick<Workbench, "places" | "files">,
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
    const { candidate, remarks: cutRemarks, cuts, rewritten } = await cleaned(found, rules);
    const judged = await judge(candidate, rules, CHECKS);
    const all = [...secretRemarks, ...cutRemarks, ...(await residue(found)), ...judged.remarks];
    const { findings, remarks, answer } = settled(all, rules);
    const isOver = answer.verdict === "refused" || (answer.verdict !== "passed" && rules.repairsLeft === 0);
    if (isOver) await withoutSecrets(workspace, found);
    else {
      for (const [path, content] of rewritten) await rewrite(workspace, path, content);
      await applyMends(workspace, remarks, hostFiles);
    }
    if (answer.verdict !== "passed") return { answer, findings, cuts, manifest: null };
    const written = candidate.manifest.filter(({ path }) => !isHostPath(path));
    const manifest = [...written, ...candidate.expected].sort((a, b) => (a.path < b.path ? -1 : 1));
    return { answer, findings, cuts, manifest };
  });
}

async function cleaned(candidate: Candidate, { severities }: Rules) {
  if (gateSeverity("instruction", severities) !== "off") return quarantine(candidate);
  return { candidate, remarks: [], cuts: [], rewritten: new Map<string, Uint8Array | null>() };
}

/** What is kept of a refused run is read by people, and must not spread what the agent should not have written. */
async function withoutSecrets(workspace: Folder, { manifest, text }: Candidate): Promise<void> {
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
    const workspace = await above.enter(basename(path));
    try {
      return await use(workspace);
    } finally {
      await workspace.close();
    }
  } finally {
    await above.close();
  }
}
