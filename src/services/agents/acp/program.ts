import { readFile, realpath } from "node:fs/promises";
import { dirname, isAbsolute, join, sep } from "node:path";
import { findOnPath, findProgram, type Program } from "../find-program.ts";
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
export async function namedProgram([name, ...args]: Program): Promise<FoundProgram | null> {
  const file = isAbsolute(name) ? name : await findOnPath(name, process.env.PATH);
  return file === null ? null : withFolders([file, ...args]);
}

/**
 * A script for Node runs on the Node that runs us: the one it finds by itself may be too old, or lie where it can't
 * be seen from inside a sandbox.
 */
async function withFolders([file, ...args]: Program): Promise<FoundProgram> {
  const real = await realpath(file).catch(() => file);
  const program: Program = (await isNodeScript(real)) ? [process.execPath, real, ...args] : [real, ...args];
  const paths = program.filter((word, at) => at === 0 || isAbsolute(word));
  const reals = await Promise.all(paths.map((path) => realpath(path).catch(() => null)));
  return { program, readable: reals.flatMap((path) => (path === null ? [] : folderOf(path))) };
}

async function isNodeScript(file: string): Promise<boolean> {
  if (!/\.[cm]?js$/.test(file)) return false;
  const text = await readFile(file, "utf8").catch(() => "");
  return /^#!.*\bnode\b/.test(text);
}

/** All packages that stand beside a package, since it may need them; else its folder, unless that is a home. */
function folderOf(file: string): readonly string[] {
  const words = file.split(sep);
  const at = words.indexOf("node_modules");
  if (at !== -1) return [join(sep, ...words.slice(0, at + 1))];
  const folder = dirname(file);
  return `${process.env.HOME ?? ""}${sep}`.startsWith(join(folder, sep)) ? [file] : [folder];
}
