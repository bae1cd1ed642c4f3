import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { causeOf, codeOf, SlowwaveError } from "../domain/failure.ts";
import { type Files, removePath } from "../files/folder.ts";
import { markText } from "../memory-files/check-root.ts";
import { MARK } from "../memory-files/memory-path.ts";
import { findOnPath } from "../process/environment.ts";

/** What Codex leaves behind while it works or when it failed; its own success removes it. */
const DIFF_FILE = "phase2_workspace_diff.md";
/** Without this mark Codex throws a repository away and begins anew. */
const VERSION_FILE = join(".git", "codex-baseline-version");
const PATIENCE_MS = 60_000;

/** Nothing of the person's own git counts here: no hooks, templates, signatures or line ends. */
const CONFIGURATION = {
  "core.autocrlf": "false",
  "core.fileMode": "true",
  "core.excludesFile": "",
  "commit.gpgSign": "false",
  "gc.auto": "0",
  "user.name": "Codex",
  "user.email": "noreply@openai.com",
};

/** The program that writes the baseline; rejects with `codex_baseline_failed` where it is missing. */
export async function demandGit(path: string | undefined): Promise<string> {
  const git = await findOnPath("git", path);
  if (git !== null) return git;
  throw new SlowwaveError(
    "codex_baseline_failed",
    "There is no program git on PATH, with which Codex's memory is left as Codex leaves it; install git.",
  );
}

/** Marks Codex's memory folder as the one of this home, so that what Codex keeps beside the memory may stay there. */
export async function markCodexRoot(
  root: string,
  owner: { readonly home: string; readonly space: string },
): Promise<void> {
  await mkdir(root, { recursive: true });
  await writeFile(join(root, MARK), markText(owner), { flag: "wx" }).catch((error: unknown) => {
    if (codeOf(error) !== "EEXIST") throw error;
  });
}

/**
 * Leaves the folder as a Codex that consolidated it does (`codex-phase2.md` section 4.5): one commit of everything that is
 * there, so that its next start finds no change. What the repository held before is gone, as with Codex itself. Rejects with
 * `codex_baseline_failed`.
 */
export async function resetBaseline(
  root: string,
  { files, path }: { readonly files: Pick<Files, "open">; readonly path: string | undefined },
): Promise<void> {
  try {
    const git = await demandGit(path);
    await removePath(files, join(root, DIFF_FILE));
    await removePath(files, join(root, ".git"));
    const settings = Object.entries(CONFIGURATION).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    const run = (...args: string[]) =>
      promisify(execFile)(git, [...settings, ...args], {
        cwd: root,
        timeout: PATIENCE_MS,
        env: {
          PATH: path,
          GIT_CONFIG_NOSYSTEM: "1",
          GIT_CONFIG_GLOBAL: "/dev/null",
          GIT_DIR: join(root, ".git"),
          GIT_WORK_TREE: root,
        },
      });
    await run("init", "--quiet", "--template=", "--initial-branch=main");
    // Codex has no ignore files in its comparison.
    await run("add", "--all", "--force");
    await run(
      "commit",
      "--quiet",
      "--no-verify",
      "--allow-empty",
      "--message",
      "Initialize Codex git baseline",
    );
    await writeFile(join(root, VERSION_FILE), "1\n");
  } catch (cause) {
    if (cause instanceof SlowwaveError) throw cause;
    throw new SlowwaveError(
      "codex_baseline_failed",
      `The memory in ${root} is written, but not the git baseline that Codex compares it with: ${causeOf(cause)}.`,
      { cause },
    );
  }
}
