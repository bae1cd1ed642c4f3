import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { AgentProbe, AgentSpec } from "../../domain/agent.ts";
import { SlowwaveError } from "../../domain/failure.ts";
import { type Program, programMissing, scrubbedEnvironment } from "../../process/environment.ts";
import type { Command } from "../../process/supervised-process.ts";
import { roomHome, type Sandbox } from "../../sandbox/sandbox.ts";
import { prepareHome } from "./prepare-home.ts";
import { ACP_PRESETS, type AcpPreset, type AcpPresetName, COMMON_ENVIRONMENT } from "./presets.ts";
import { type FoundProgram, namedProgram, presetProgram, versionOf } from "./program.ts";

export interface AcpProgramOptions {
  /** An agent that is known: how it is started, which keys it needs, what of its configuration it sees. */
  readonly preset?: AcpPresetName;
  /** Program and first arguments; instead of the preset's, or of an agent that has no preset. */
  readonly command?: Program;
  /** Names of further variables to hand through. */
  readonly environment?: readonly string[];
  /**
   * Something nobody can guess, such as `randomUUID` of `node:crypto`: for an agent that opens a port on loopback
   * (opencode), which must not be driven by others.
   */
  newSecret?(): string;
}

export function presetOf({ preset }: AcpProgramOptions): AcpPreset | null {
  return preset === undefined ? null : ACP_PRESETS[preset];
}

export function titleOf(options: AcpProgramOptions): string {
  return presetOf(options)?.title ?? "The agent";
}

/** Null when it is not here; `acpMissing` says so. */
export async function acpProgram(options: AcpProgramOptions): Promise<FoundProgram | null> {
  const preset = presetOf(options);
  if (options.command !== undefined) return namedProgram(options.command);
  return preset === null ? null : presetProgram(preset);
}

export function acpMissing(options: AcpProgramOptions): string {
  const { command } = options;
  const preset = presetOf(options);
  if (command !== undefined) return programMissing(command[0]);
  if (preset !== null)
    return `${preset.title} is not here: there is no \`${preset.program}\` on PATH. ${preset.install}.`;
  return "Any other agent that speaks ACP: name its program, as in `slowwave run --agent acp -- COMMAND…`.";
}

/** The agent, in its room: a private home with as much of the person's as it needs, and the workspace. */
export async function acpCommand(
  options: AcpProgramOptions,
  sandbox: Sandbox,
  spec: AgentSpec,
): Promise<Command> {
  const preset = presetOf(options);
  const found = await acpProgram(options);
  if (found === null) {
    throw new SlowwaveError("agent_not_started", acpMissing(options), {
      cause: new Error("it was not found"),
    });
  }
  const home = roomHome(spec.scratch);
  await prepareHome(home, preset?.files ?? [], process.env);
  const temporary = join(home, "tmp");
  await mkdir(temporary);
  const [file, ...args] = found.program;
  const confined = await sandbox.confine(
    {
      file,
      args: [...args, ...(preset?.args ?? [])],
      env: { ...environmentOf(options, spec.key), HOME: home, TMPDIR: temporary },
      cwd: spec.workspace,
    },
    {
      workspace: spec.workspace,
      home,
      readable: [...found.readable, ...certificates()],
      network: "open",
      nested: preset?.nested ?? false,
    },
  );
  // The room's own is shorter, as names of sockets must be; but Codex needs one that is not above its home.
  return preset?.nested === true ? { ...confined, env: { ...confined.env, TMPDIR: temporary } } : confined;
}

function environmentOf(options: AcpProgramOptions, key: string): Record<string, string> {
  const preset = presetOf(options);
  const names = [...COMMON_ENVIRONMENT, ...(preset?.environment ?? []), ...(options.environment ?? [])];
  const also = names.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return scrubbedEnvironment(process.env, key, {
    ...Object.fromEntries(also),
    ...preset?.set,
    ...secretOf(options, preset),
    // Its stderr becomes part of a cause.
    NO_COLOR: "1",
  });
}

function secretOf({ newSecret }: AcpProgramOptions, preset: AcpPreset | null): Record<string, string> {
  if (preset?.secret === undefined) return {};
  if (newSecret !== undefined) return { [preset.secret]: newSecret() };
  throw new SlowwaveError(
    "agent_not_started",
    `${preset.title} opens a port on this machine: give \`acpAgent\` a \`newSecret\` that closes it to others.`,
    { cause: new Error(`${preset.secret} has no value`) },
  );
}

/** Of a company's own authority. */
function certificates(): readonly string[] {
  return ["SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS"].flatMap((name) => process.env[name] ?? []);
}

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
