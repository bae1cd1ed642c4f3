import { existsSync } from "node:fs";
import { mkdir, mkdtemp, realpath } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AgentProbe } from "../../domain/agent.ts";
import { nodeFiles } from "../../files/node-files.ts";
import { removePath } from "../../files/remove-tree.ts";
import { outputOf } from "../../process/output-of.ts";
import { type CodexProgramOptions, codexEnvironment, codexMissing, codexProgram } from "./command.ts";

const PATIENCE_MS = 30_000;
const POLICY = [
  'sandbox_mode="workspace-write"',
  "sandbox_workspace_write={exclude_slash_tmp=true,exclude_tmpdir_env_var=true,network_access=false}",
];
/** Writes where it may and where it may not, and says so itself only at the very end. */
const ATTEMPT = "echo in > inside; echo out > ../outside; echo tried";

/** Asks Codex its version and lets its own sandbox run a command that tries to write beside its folder. */
export async function probeCodex(options: CodexProgramOptions): Promise<AgentProbe> {
  const program = await codexProgram(options);
  if (program === null) return { missing: codexMissing(options) };
  const [file, ...first] = program;
  const place = await realpath(await mkdtemp(join(tmpdir(), "slowwave-codex-")));
  const workspace = join(place, "workspace");
  const temporary = join(place, "tmp");
  const env = codexEnvironment(options, "probe", temporary);
  const run = (args: readonly string[]) =>
    outputOf({ file, args: [...first, ...args], cwd: workspace, env }, PATIENCE_MS);
  try {
    await mkdir(workspace);
    await mkdir(temporary);
    const told = await run(["--version"]);
    const version = /\b\d+\.\d+\.\d+[\w.-]*/.exec(told.stdout)?.[0];
    if (version === undefined) return { missing: `Codex does not start: ${told.why}. Install it anew.` };
    const tried = await run([
      "sandbox",
      ...POLICY.flatMap((rule) => ["-c", rule]),
      "--",
      "sh",
      "-c",
      ATTEMPT,
    ]);
    const isInside = existsSync(join(workspace, "inside"));
    const isConfined = tried.stdout.includes("tried") && isInside && !existsSync(join(place, "outside"));
    return isConfined ? { sandbox: "codex", version } : { missing: sandboxMissing(version, tried.why) };
  } finally {
    await removePath(nodeFiles(), place);
  }
}

function sandboxMissing(version: string, why: string): string {
  return `The sandbox of Codex ${version} does not hold here (${why}). Install bubblewrap, allow user namespaces, or use Codex 0.169.0 or later.`;
}
