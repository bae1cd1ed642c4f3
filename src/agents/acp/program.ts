import { execFile } from "node:child_process";
import { mkdtemp, readFile, realpath, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, isAbsolute, join, sep } from "node:path";
import { nodeFiles } from "../../files/node-files.ts";
import { removePath } from "../../files/tree.ts";
import { findNamed, findProgram, type Program, scrubbedEnvironment } from "../../process/environment.ts";
import type { AcpPreset } from "./presets.ts";

/** What is started, absolute, and the folders it has to read for that. */
export interface FoundProgram {
  readonly program: Program;
  readonly readable: readonly string[];
}

/** Where a preset's program is; null where it is nowhere. */
export async function presetProgram(preset: AcpPreset): Promise<FoundProgram | null> {
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
export async function versionOf(program: Program, npmPackage: string): Promise<string | null> {
  const script = program.filter((word, at) => at < 2 && isAbsolute(word)).at(-1) ?? program[0];
  return (await packagedVersion(dirname(script), npmPackage)) ?? toldVersion(program);
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
async function toldVersion([file, ...args]: Program): Promise<string | null> {
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
