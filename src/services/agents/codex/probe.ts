import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AgentProbe } from "../../../domain/agent.ts";
import { plainText } from "../plain-text.ts";
import { CODEX_MISSING, type CodexProgramOptions, codexEnvironment, codexProgram } from "./command.ts";

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
  if (program === null) return { missing: CODEX_MISSING };
  const [file, ...first] = program;
  const place = await realpath(await mkdtemp(join(tmpdir(), "slowwave-codex-")));
  const workspace = join(place, "workspace");
  const temporary = join(place, "tmp");
  const env = codexEnvironment(options, "probe", temporary);
  const run = (args: readonly string[]) => output(file, [...first, ...args], { cwd: workspace, env });
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
    await rm(place, { recursive: true, force: true });
  }
}

function sandboxMissing(version: string, why: string): string {
  return `The sandbox of Codex ${version} does not hold here (${why}). Install bubblewrap, allow user namespaces, or use Codex 0.169.0 or later.`;
}

interface Output {
  readonly stdout: string;
  /** One line; what the program said when it failed. */
  readonly why: string;
}

function output(
  file: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env: Record<string, string> },
): Promise<Output> {
  return new Promise((resolve) => {
    const child = execFile(
      file,
      args,
      { ...options, timeout: PATIENCE_MS, killSignal: "SIGKILL" },
      (error, stdout, stderr) => {
        const said = stderr.trim().split("\n").at(-1) || error?.message || "it said nothing";
        resolve({ stdout, why: plainText(said, 200) });
      },
    );
    child.stdin?.end();
  });
}
