import { type StatusAgentOptions, statusAgent } from "../../src/agents/extractive-agent.ts";
import type { AgentRunner } from "../../src/domain/agent.ts";
import { scrubbedEnvironment } from "../../src/process/environment.ts";

/** A child process that does what the script says; `tell` writes one status line. */
export function scriptedAgent(script: string, options: Partial<StatusAgentOptions> = {}): AgentRunner {
  const source = `const tell = (line) => process.stdout.write(JSON.stringify(line) + "\\n");\n${script}`;
  return statusAgent({
    name: "scripted",
    sandbox: "none",
    network: "none",
    usesModel: false,
    graceMs: 300,
    exitMs: 10_000,
    command: async (spec) => ({
      file: process.execPath,
      args: ["-e", source],
      env: scrubbedEnvironment(process.env, spec.key),
      cwd: spec.workspace,
    }),
    ...options,
  });
}
