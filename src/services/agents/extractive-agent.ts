import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import type { AgentRunner } from "../../domain/agent.ts";
import { scrubbedEnvironment } from "../process/environment.ts";
import { confinedNode, probeNodePermission } from "./node-permission.ts";
import { statusAgent } from "./status-agent.ts";

export interface ExtractiveAgentOptions {
  /** The Node that runs it; default: the one this process runs on. */
  readonly node?: string;
  /** Between asking it to end and ending it. */
  readonly graceMs?: number;
}

/** `.ts` in the sources, `.js` in the package. */
const EXTENSION = extname(fileURLToPath(import.meta.url));
const MAIN = fileURLToPath(new URL(`./extractive/main${EXTENSION}`, import.meta.url));
const CODE = fileURLToPath(new URL("../../", import.meta.url));

/**
 * The built-in consolidator: no model, no cost, no use of the network. A child process under Node's permission
 * model, in one turn.
 */
export function extractiveAgent(options: ExtractiveAgentOptions = {}): AgentRunner {
  const { node = process.execPath, graceMs } = options;
  return statusAgent({
    name: "extractive",
    sandbox: "node-permission",
    network: "none",
    usesModel: false,
    command: ({ workspace, key }) =>
      confinedNode({ node, main: MAIN, code: CODE, workspace, env: scrubbedEnvironment(process.env, key) }),
    probe: () => probeNodePermission(node),
    ...(graceMs === undefined ? {} : { graceMs }),
  });
}
