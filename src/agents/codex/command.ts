import { existsSync } from "node:fs";
import { mkdir, mkdtemp, realpath } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AgentProbe, AgentSpec } from "../../domain/agent.ts";
import { SlowwaveError } from "../../domain/failure.ts";
import { removePath } from "../../files/folder.ts";
import { nodeFiles } from "../../files/node-files.ts";
import {
  findNamed,
  findProgram,
  type Program,
  programMissing,
  scrubbedEnvironment,
} from "../../process/environment.ts";
import { type Command, outputOf } from "../../process/supervised-process.ts";

export interface CodexProgramOptions {
  /** Program and first arguments; default: `codex` on PATH, or the npm package `@openai/codex`. */
  readonly command?: Program;
  /** Names of further variables to hand through, such as the `env_key` of a model provider of one's own. */
  readonly environment?: readonly string[];
}

/** What Codex needs to find its home, its account and its way out; the commands it runs see none of the keys. */
const ENVIRONMENT = [
  ...["HOME", "USER", "LOGNAME", "SHELL", "USERPROFILE", "APPDATA", "LOCALAPPDATA"],
  ...["CODEX_HOME", "CODEX_SQLITE_HOME", "CODEX_API_KEY", "CODEX_CA_CERTIFICATE"],
  ...["OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORGANIZATION", "OPENAI_PROJECT"],
  ...["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"],
  ...["http_proxy", "https_proxy", "all_proxy", "no_proxy"],
  ...["SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS"],
];

export function codexMissing({ command }: CodexProgramOptions): string {
  return command === undefined
    ? "Codex is not here: there is no `codex` on PATH. Install it with `npm install -g @openai/codex`, then run `codex login`."
    : programMissing(command[0]);
}

/** Null when it is not here; `codexMissing` says so. */
export async function codexProgram({ command }: CodexProgramOptions): Promise<Program | null> {
  if (command !== undefined) return findNamed(command, process.env.PATH);
  return findProgram({ program: "codex", npmPackage: "@openai/codex" }, process.env.PATH);
}

export function codexEnvironment(
  { environment = [] }: CodexProgramOptions,
  key: string,
  temporary: string,
): Record<string, string> {
  const also = [...ENVIRONMENT, ...environment].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  // Codex can't set up its sandbox when its home lies below the temporary folder, as it may in containers.
  return scrubbedEnvironment(process.env, key, {
    ...Object.fromEntries(also),
    TMPDIR: temporary,
    // Its stderr becomes part of a cause.
    NO_COLOR: "1",
  });
}

/** `codex app-server`, without its own memory pipeline. */
export async function codexCommand(options: CodexProgramOptions, spec: AgentSpec): Promise<Command> {
  const program = await codexProgram(options);
  if (program === null) {
    throw new SlowwaveError("agent_not_started", codexMissing(options), {
      cause: new Error("codex was not found"),
    });
  }
  const temporary = join(spec.runFolder, "tmp");
  await mkdir(temporary, { recursive: true });
  const [file, ...args] = program;
  return {
    file,
    args: [...args, "app-server", "-c", "features.memories=false"],
    env: codexEnvironment(options, spec.key, temporary),
    cwd: spec.workspace,
  };
}

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
    const answer = await run(["--version"]);
    const version = /\b\d+\.\d+\.\d+[\w.-]*/.exec(answer.stdout)?.[0];
    if (version === undefined) return { missing: `Codex does not start: ${answer.why}. Install it anew.` };
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
