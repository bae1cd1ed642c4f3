import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type AcpAgentOptions, acpAgent } from "../../src/agents/acp-agent.ts";
import type { AgentRunner, AgentSpec } from "../../src/domain/agent.ts";

const CHILD = fileURLToPath(new URL("./scripted-acp.child.ts", import.meta.url));

/** The program of an agent of ours with this behaviour. */
export function acpProgram(behaviour: string): readonly [string, ...string[]] {
  return [process.execPath, "--experimental-strip-types", "--no-warnings", CHILD, behaviour];
}

/** The ACP agent with an agent of ours behind it. */
export function scriptedAcp(behaviour: string, options: AcpAgentOptions = {}): AgentRunner {
  return acpAgent({
    command: acpProgram(behaviour),
    sandbox: "none",
    closeMs: 5_000,
    ...options,
  });
}

interface Heard {
  readonly id?: number | string;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: unknown;
}

/** Everything that the agent was sent, in order. */
export function heardByAcp(spec: AgentSpec): readonly Heard[] {
  const lines = readFileSync(join(spec.runFolder, "home", "heard.ndjson"), "utf8")
    .trim()
    .split("\n");
  return lines.map((line) => JSON.parse(line) as Heard);
}
