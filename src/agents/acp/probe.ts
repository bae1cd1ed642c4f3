import type { AgentProbe } from "../../domain/agent.ts";
import type { Sandbox } from "../../sandbox/sandbox.ts";
import { type AcpProgramOptions, acpMissing, acpProgram, presetOf } from "./command.ts";
import { versionOf } from "./version.ts";

/** Whether the agent's program is here, which version, and whether the sandbox holds. */
export async function probeAcp(options: AcpProgramOptions, sandbox: Sandbox): Promise<AgentProbe> {
  const found = await acpProgram(options);
  if (found === null) return { missing: acpMissing(options) };
  const room = await sandbox.probe("open");
  if ("missing" in room) return { missing: room.missing };
  const preset = presetOf(options);
  const version = preset === null ? null : await versionOf(found.program, preset.npmPackage);
  return { sandbox: sandbox.name, ...(version === null ? {} : { version }) };
}
