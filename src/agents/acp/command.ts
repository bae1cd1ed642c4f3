import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, realpath, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, extname, isAbsolute, join, sep } from "node:path";
import { type ParseError, parse as parseJson, printParseErrorCode } from "jsonc-parser";
import { parse as parseToml, stringify as stringifyToml } from "smol-toml";
import type { AgentProbe, AgentSpec } from "../../domain/agent.ts";
import { SlowwaveError } from "../../domain/failure.ts";
import { removePath, splitPath, withinMade } from "../../files/folder.ts";
import { nodeFiles } from "../../files/node-files.ts";
import {
  findNamed,
  findProgram,
  type Program,
  programMissing,
  scrubbedEnvironment,
} from "../../process/environment.ts";
import type { Command } from "../../process/supervised-process.ts";
import { type Sandbox, sandboxHome } from "../../sandbox/sandbox.ts";
import {
  ACP_PRESETS,
  type AcpPreset,
  type AcpPresetName,
  COMMON_ENVIRONMENT,
  type SeenFile,
} from "./presets.ts";

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

/** The agent, in its sandbox: a private home with as much of the person's as it needs, and the workspace. */
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
  const home = sandboxHome(spec.runFolder);
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
  // The sandbox's own is shorter, as names of sockets must be; but Codex needs one that is not above its home.
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
  const sandboxSpec = await sandbox.probe("open");
  if ("missing" in sandboxSpec) return { missing: sandboxSpec.missing };
  const preset = presetOf(options);
  const version = preset === null ? null : await versionOf(found.program, preset.npmPackage);
  return { sandbox: sandbox.name, ...(version === null ? {} : { version }) };
}

/** What is started, absolute, and the folders it has to read for that. */
interface FoundProgram {
  readonly program: Program;
  readonly readable: readonly string[];
}

/** Where a preset's program is; null where it is nowhere. */
async function presetProgram(preset: AcpPreset): Promise<FoundProgram | null> {
  const found = await findProgram(preset, process.env.PATH);
  return found === null ? null : withFolders(found);
}

/** Where a program is that was named by the person; null when there is none of that name. */
export async function namedProgram(program: Program): Promise<FoundProgram | null> {
  const found = await findNamed(program, process.env.PATH);
  return found === null ? null : withFolders(found);
}

/**
 * A script for Node runs on the Node that runs us: the one it finds by itself may be too old, or lie where it can't
 * be seen from inside a sandbox.
 */
async function withFolders([file, ...args]: Program): Promise<FoundProgram> {
  const real = await realpath(file).catch(() => file);
  const program: Program = (await isNodeScript(real)) ? [process.execPath, real, ...args] : [real, ...args];
  const paths = program.filter((word, at) => at === 0 || isAbsolute(word));
  const reals = await Promise.all(paths.map((path) => realpath(path).catch(() => path)));
  return { program, readable: (await Promise.all(reals.map(readableFor))).flat() };
}

async function isNodeScript(file: string): Promise<boolean> {
  if (!/\.[cm]?js$/.test(file)) return false;
  const text = await readFile(file, "utf8").catch(() => "");
  return /^#!.*\bnode\b/.test(text);
}

/**
 * What a named path makes readable. A file of a package: all packages that stand beside it, since it may need them.
 * Another file: its folder, unless that holds what is none of the agent's, a home or everybody's temporary files.
 */
async function readableFor(path: string): Promise<readonly string[]> {
  const words = path.split(sep);
  const at = words.indexOf("node_modules");
  if (at !== -1) return [join(sep, ...words.slice(0, at + 1))];
  const isFolder = (await stat(path).catch(() => null))?.isDirectory() ?? false;
  const folder = isFolder ? path : dirname(path);
  const shared = [process.env.HOME ?? "", tmpdir()].map((place) => join(place, sep));
  if (!shared.some((place) => place.startsWith(join(folder, sep)))) return [folder];
  return isFolder ? [] : [path];
}

const PATIENCE_MS = 10_000;

/** As its npm package says, else as it says itself; null when neither does. */
async function versionOf(program: Program, npmPackage: string): Promise<string | null> {
  const script = program.filter((word, at) => at < 2 && isAbsolute(word)).at(-1) ?? program[0];
  return (await packagedVersion(dirname(script), npmPackage)) ?? askVersion(program);
}

/** Of the nearest package above that has this name. */
async function packagedVersion(folder: string, npmPackage: string): Promise<string | null> {
  const text = await readFile(join(folder, "package.json"), "utf8").catch(() => "{}");
  try {
    const { name, version } = JSON.parse(text) as { name?: unknown; version?: unknown };
    if (name === npmPackage) return typeof version === "string" ? version : null;
  } catch {
    // Somebody else's.
  }
  return dirname(folder) === folder ? null : packagedVersion(dirname(folder), npmPackage);
}

/** In a home of its own: it is only asked, and must not write into the person's. */
async function askVersion([file, ...args]: Program): Promise<string | null> {
  const home = await mkdtemp(join(tmpdir(), "slowwave-version-"));
  const env = scrubbedEnvironment(process.env, "probe", { HOME: home, TMPDIR: home });
  try {
    return await new Promise((resolve) => {
      const options = { env, cwd: home, timeout: PATIENCE_MS, killSignal: "SIGKILL" } as const;
      execFile(file, [...args, "--version"], options, (_error, stdout) =>
        resolve(/\b\d+\.\d+\.\d+[\w.-]*/.exec(stdout)?.[0] ?? null),
      ).stdin?.end();
    });
  } finally {
    await removePath(nodeFiles(), home);
  }
}

/** A login or a configuration; what is larger is neither. */
const MOST_BYTES = 1024 * 1024;

/**
 * Prepares an agent's private home: empty but for these files, copied from the person's or made. What an earlier start
 * left there is gone. Rejects when a file is there that can't be understood.
 */
export async function prepareHome(
  home: string,
  files: readonly SeenFile[],
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const disk = nodeFiles();
  await removePath(disk, home);
  await disk.makeFolders(home);
  const folder = await disk.open(home);
  try {
    for (const file of files) {
      const text = await seen(file, env);
      const [at, name] = splitPath(file.to);
      if (text !== null) await withinMade(folder, at, (inner) => inner.create(name, Buffer.from(text)));
    }
  } finally {
    await folder.close();
  }
}

async function seen({ from, to, keys, ours }: SeenFile, env: NodeJS.ProcessEnv): Promise<string | null> {
  const source = await firstOf(from.flatMap((path) => placeOf(path, env)));
  if (keys === null) return source?.text ?? null;
  if (source === null && ours === undefined) return null;
  const [format, select] =
    extname(to) === ".toml" ? (["TOML", selectToml] as const) : (["JSON", selectJson] as const);
  try {
    return select(source?.text ?? "", keys, ours ?? {});
  } catch (cause) {
    throw new SlowwaveError(
      "agent_not_started",
      `The agent's configuration ${source?.path} is no ${format}; mend it.`,
      { cause },
    );
  }
}

/** Nothing where the variable is not set. */
function placeOf(path: string, env: NodeJS.ProcessEnv): readonly string[] {
  const [first = "", ...rest] = path.split("/");
  const start = first === "~" ? env.HOME : env[first.slice(1)];
  return start !== undefined && isAbsolute(start) ? [join(start, ...rest)] : [];
}

async function firstOf(paths: readonly string[]) {
  for (const path of paths) {
    try {
      const bytes = await readFile(path);
      if (bytes.length <= MOST_BYTES) return { path, text: bytes.toString("utf8") };
    } catch {
      // Not there, or not for us to read.
    }
  }
  return null;
}

/** JSON of people has comments, and commas before the end of a list. */
function selectJson(text: string, keys: readonly string[], ours: object): string {
  const errors: ParseError[] = [];
  const all: unknown = text.trim() === "" ? {} : parseJson(text, errors, { allowTrailingComma: true });
  const [error] = errors;
  if (error !== undefined)
    throw new Error(`${printParseErrorCode(error.error)} at character ${error.offset}`);
  return JSON.stringify({ ...selectKeys(all, keys), ...ours });
}

/** Whole numbers stay whole and others don't become so: programs tell them apart. */
function selectToml(text: string, keys: readonly string[], ours: Readonly<Record<string, unknown>>): string {
  const kept = selectKeys(parseToml(text, { integersAsBigInt: true }), keys);
  for (const [path, value] of Object.entries(ours)) {
    setPath(kept, path.split("."), typeof value === "number" ? BigInt(value) : value);
  }
  return stringifyToml(kept, { numbersAsFloat: true });
}

function selectKeys(all: unknown, keys: readonly string[]): Record<string, unknown> {
  if (typeof all !== "object" || all === null || Array.isArray(all)) throw new Error("it is no object");
  const values = all as Record<string, unknown>;
  return Object.fromEntries(
    keys.filter((key) => Object.hasOwn(values, key)).map((key) => [key, values[key]]),
  );
}

function setPath(into: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [first = "", ...rest] = path;
  if (rest.length === 0) into[first] = value;
  else {
    const inner = { ...(into[first] as Record<string, unknown> | undefined) };
    setPath(inner, rest, value);
    into[first] = inner;
  }
}
