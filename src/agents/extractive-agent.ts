import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import type { AgentRunner, AgentSpec } from "../domain/agent.ts";
import { SlowwaveError } from "../domain/failure.ts";
import { scrubbedEnvironment } from "../process/environment.ts";
import type { Command } from "../process/supervised-process.ts";
import { sandboxNamed } from "../sandbox/bubblewrap.ts";
import {
  confinedNode,
  type NodeScript,
  probeNodePermission,
  unconfinedNode,
} from "../sandbox/node-permission.ts";
import type { SandboxName } from "../sandbox/sandbox.ts";
import { roomHome } from "../sandbox/sandbox.ts";
import { statusAgent } from "./status-agent.ts";

export interface ExtractiveAgentOptions {
  /** The Node that runs it; default: the one this process runs on. */
  readonly node?: string;
  /** Between asking it to end and ending it. */
  readonly graceMs?: number;
  /**
   * Default: Node's permission model, and bubblewrap around it where that holds. `bubblewrap`: not without it.
   * `none`: neither.
   */
  readonly sandbox?: SandboxName;
}

/** `.ts` in the sources, `.js` in the package. */
const EXTENSION = extname(fileURLToPath(import.meta.url));
const MAIN = fileURLToPath(new URL(`../extractive/main${EXTENSION}`, import.meta.url));
const CODE = fileURLToPath(new URL("../", import.meta.url));

type Kept = "bubblewrap+node-permission" | "node-permission" | "none";
type Network = "none" | "open";

/**
 * The built-in consolidator: no model, no cost, no use of the network. A child process in one turn, under Node's
 * permission model and, where it can be had, in a sandbox of its own.
 *
 * @example
 * ```ts
 * const engine = createEngine({ store, home, agent: extractiveAgent() });
 * extractiveAgent({ sandbox: "bubblewrap" }); // not without it
 * ```
 */
export function extractiveAgent(options: ExtractiveAgentOptions = {}): AgentRunner {
  const { node = process.execPath, graceMs } = options;
  const agent = (sandbox: Kept) =>
    statusAgent({
      name: "extractive",
      sandbox,
      network: "none",
      usesModel: false,
      command: (spec) => commandIn(sandbox, node, spec),
      probe: () => kept(node, options.sandbox),
      ...(graceMs === undefined ? {} : { graceMs }),
    });
  return {
    ...agent("none"),
    async spawn(spec, clock, signal) {
      const found = await kept(node, options.sandbox);
      if ("missing" in found) {
        const cause = new SlowwaveError("failed_sandbox_policy", found.missing);
        throw new SlowwaveError("agent_not_started", 'The agent "extractive" could not be started.', {
          cause,
        });
      }
      return agent(found.sandbox).spawn(spec, clock, signal);
    },
  };
}

async function commandIn(sandbox: Kept, node: string, spec: AgentSpec): Promise<Command> {
  const { workspace, scratch, key } = spec;
  const env = scrubbedEnvironment(process.env, key);
  const script: NodeScript = { node, main: MAIN, code: CODE, workspace, env };
  if (sandbox === "none") return unconfinedNode(script);
  const command = await confinedNode(script);
  if (sandbox === "node-permission") return command;
  const room = { workspace, home: roomHome(scratch), readable: [CODE], network: "none" } as const;
  return sandboxNamed("bubblewrap").confine(command, room);
}

/** The permission model is tried inside the room: that shows at once that this Node lives there. */
async function kept(
  node: string,
  wanted: SandboxName | undefined,
): Promise<{ readonly sandbox: Kept; readonly network: Network } | { readonly missing: string }> {
  if (wanted === "none") return { sandbox: "none", network: "open" };
  const bubblewrap = sandboxNamed("bubblewrap");
  const room = await bubblewrap.probe("none");
  if (!("missing" in room)) {
    const inside = await probeNodePermission(node, bubblewrap);
    if (!("missing" in inside)) return { sandbox: "bubblewrap+node-permission", network: "none" };
    if (wanted === "bubblewrap") return inside;
  } else if (wanted === "bubblewrap") return room;
  const model = await probeNodePermission(node);
  return "missing" in model ? model : { sandbox: "node-permission", network: model.network };
}
