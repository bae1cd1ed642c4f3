import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { StatusAgentOptions } from "../../src/agents/extractive-agent.ts";
import type { AgentRunner, AgentSpec } from "../../src/domain/agent.ts";
import { scrubbedEnvironment } from "../../src/process/environment.ts";
import { sandboxNamed } from "../../src/sandbox/bubblewrap.ts";
import type { SandboxName } from "../../src/sandbox/sandbox.ts";
import { scriptedAgent } from "../agents/scripted-agent.ts";

/** A child process that does what the script says, in a sandbox; or, to compare, in none. */
export function agentIn(
  name: SandboxName,
  script: string,
  options: Partial<StatusAgentOptions> = {},
): AgentRunner {
  const tell = `const tell = (line) => process.stdout.write(JSON.stringify(line) + "\\n");`;
  const command = ({ workspace, runFolder, key }: AgentSpec) =>
    sandboxNamed(name).confine(
      {
        file: process.execPath,
        args: ["-e", `${tell}\n${script}`],
        env: scrubbedEnvironment(process.env, key),
        cwd: workspace,
      },
      { workspace, home: join(runFolder, "home"), readable: [], network: "none" },
    );
  return scriptedAgent("", { sandbox: name, command, ...options });
}

/** Leaves its parents, its session and its environment; only its command line still tells what it is. */
export function hiddenDaemon(token: string): string {
  const stay = `setInterval(() => {}, 1000); "${token}"`;
  const middle = `require("node:child_process").spawn(process.execPath, ["-e", ${JSON.stringify(stay)}], { detached: true, stdio: "ignore", env: {} }).unref();`;
  return `require("node:child_process").spawnSync(process.execPath, ["-e", ${JSON.stringify(middle)}], { stdio: "ignore", env: {} });`;
}

/** Living processes whose last argument ends so. */
export function processesWith(token: string): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const state = readFileSync(`/proc/${pid}/stat`, "latin1").replace(/^.*\) /s, "")[0];
        const last = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").at(-2) ?? "";
        return state !== "Z" && last.startsWith("setInterval") && last.endsWith(`"${token}"`);
      } catch {
        return false;
      }
    });
}
