import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { AgentSpec } from "../../domain/agent.ts";
import { SlowwaveError } from "../../domain/failure.ts";
import { scrubbedEnvironment } from "../../process/environment.ts";
import { findNamed, findProgram, type Program, programMissing } from "../../process/find-program.ts";
import type { Command } from "../../process/supervised-process.ts";

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
  const temporary = join(spec.scratch, "tmp");
  await mkdir(temporary, { recursive: true });
  const [file, ...args] = program;
  return {
    file,
    args: [...args, "app-server", "-c", "features.memories=false"],
    env: codexEnvironment(options, spec.key, temporary),
    cwd: spec.workspace,
  };
}
