import { basename, dirname } from "node:path";
import type { Manifest } from "../../domain/generation.ts";
import type { VerifyAnswer } from "../../domain/phase2.ts";
import { type HostFile, isHostPath, manifestOf } from "../artifacts/host-files.ts";
import type { Files, Folder } from "../workspace/files.ts";
import type { Workbench } from "../workspace/workbench.ts";
import { candidateIn } from "./candidate.ts";
import type { Remark } from "./check.ts";
import { judge } from "./judge.ts";
import { applyMends } from "./mend.ts";

export interface Verification {
  readonly answer: VerifyAnswer;
  readonly remarks: readonly Remark[];
  /** Exactly what may be published; null unless the verdict is `passed`. */
  readonly manifest: Manifest | null;
}

/**
 * Judges the workspace and mends what the host can mend. Nothing of a refused workspace is touched: it is kept
 * for inspection.
 */
export async function verifyWorkspace(
  { places, files }: Pick<Workbench, "places" | "files">,
  hostFiles: readonly HostFile[],
  base: Manifest,
): Promise<Verification> {
  return inWorkspace(files, places.workspace, async (workspace) => {
    const expected = manifestOf(hostFiles);
    const candidate = await candidateIn(workspace, expected, base);
    const { remarks, answer } = judge(candidate);
    if (answer.verdict !== "refused") await applyMends(workspace, remarks, hostFiles);
    if (answer.verdict !== "passed") return { answer, remarks, manifest: null };
    const written = candidate.manifest.filter(({ path }) => !isHostPath(path));
    const manifest = [...written, ...expected].sort((a, b) => (a.path < b.path ? -1 : 1));
    return { answer, remarks, manifest };
  });
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
