import { realpath } from "node:fs/promises";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import type { AgentProbe, AgentRunner, AgentSpec } from "../../domain/agent.ts";
import { SlowwaveError } from "../../domain/failure.ts";
import { scrubbedEnvironment } from "../process/environment.ts";
import type { Command } from "../process/supervised-process.ts";
import { probeNodePermission } from "./node-permission.ts";
import { statusAgent } from "./status-agent.ts";

export interface ExtractiveAgentOptions {
  /** The Node that runs it; default: the one this process runs on. */
  readonly node?: string;
  readonly graceMs?: number;
}

/** `.ts` in the sources, `.js` in the package. */
const EXTENSION = extname(fileURLToPath(import.meta.url));
const MAIN = fileURLToPath(new URL(`./extractive/main${EXTENSION}`, import.meta.url));
const LEASH = new URL(`./leash${EXTENSION}`, import.meta.url).href;
/** The agent may read our code, and nothing else outside the workspace. */
const CODE = fileURLToPath(new URL("../../", import.meta.url));

/**
 * The built-in consolidator: no model, no network use, no cost. Runs as a child process under Node's
 * permission model, which denies it other files, processes, workers and addons; sockets it does not deny
 * before Node 25, but the agent's own code opens none.
 */
export function extractiveAgent(options: ExtractiveAgentOptions = {}): AgentRunner {
  const { node = process.execPath, graceMs } = options;
  return statusAgent({
    name: "extractive",
    sandbox: "node-permission",
    network: "none",
    usesModel: false,
    command: (spec) => commandFor(spec, node),
    probe: (): Promise<AgentProbe> => probeNodePermission(node),
    ...(graceMs === undefined ? {} : { graceMs }),
  });
}

async function commandFor(spec: AgentSpec, node: string): Promise<Command> {
  // The permission model compares real paths, and reads `*` as "anything beginning like this".
  const workspace = await realpath(spec.workspace);
  const open = [workspace, CODE].find((path) => path.includes("*"));
  if (open !== undefined) {
    throw new SlowwaveError(
      "failed_sandbox_policy",
      `The path ${JSON.stringify(open)} has a "*" in it, which Node's permission model takes for a wildcard. Choose another home.`,
    );
  }
  return {
    file: node,
    args: [
      "--permission",
      `--allow-fs-read=${CODE}`,
      `--allow-fs-read=${workspace}`,
      `--allow-fs-write=${workspace}`,
      "--no-warnings",
      ...(EXTENSION === ".ts" ? ["--experimental-strip-types"] : []),
      `--import=${LEASH}`,
      MAIN,
      workspace,
    ],
    env: scrubbedEnvironment(process.env, spec.key),
    cwd: workspace,
  };
}
