import { constants } from "node:fs";
import { access, readFile, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { delimiter, isAbsolute, join } from "node:path";

export interface ProgramNames {
  /** Name of the command. */
  readonly program: string;
  /** npm package whose command of that name is taken where PATH has none. */
  readonly npmPackage: string;
}

/** A program and its first arguments. */
export type Program = readonly [file: string, ...args: string[]];

/** On PATH, then among the npm packages installed beside this one. Null when it is in neither place. */
export async function findProgram(
  { program, npmPackage }: ProgramNames,
  path: string | undefined,
): Promise<Program | null> {
  const file = await findOnPath(program, path);
  if (file !== null) return [file];
  const script = await commandOfPackage(npmPackage, program);
  return script === null ? null : [process.execPath, script];
}

/** What a person named, by a name on PATH or by its path. Null when nothing that can be run is there. */
export async function findNamed([name, ...args]: Program, path: string | undefined): Promise<Program | null> {
  // A script that is given to Node need not be executable.
  if (isAbsolute(name)) return (await isFile(name)) ? [name, ...args] : null;
  const file = await findOnPath(name, path);
  return file === null ? null : [file, ...args];
}

export function programMissing(name: string): string {
  return `There is no program "${name}" here; name one on PATH, or its absolute path.`;
}

/** Relative entries don't count: the working folder may hold anything. */
export async function findOnPath(program: string, path: string | undefined): Promise<string | null> {
  for (const folder of (path ?? "").split(delimiter).filter(isAbsolute)) {
    const file = join(folder, program);
    if (await isExecutable(file)) return file;
  }
  return null;
}

async function isExecutable(file: string): Promise<boolean> {
  const isAllowed = await access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
  return isAllowed && isFile(file);
}

async function isFile(file: string): Promise<boolean> {
  return stat(file).then(
    (found) => found.isFile(),
    () => false,
  );
}

/** `require.resolve` refuses packages whose `exports` hide their package.json: the folders are looked through. */
async function commandOfPackage(npmPackage: string, program: string): Promise<string | null> {
  const require = createRequire(import.meta.url);
  for (const folder of require.resolve.paths(npmPackage) ?? []) {
    const home = join(folder, npmPackage);
    try {
      const { bin } = JSON.parse(await readFile(join(home, "package.json"), "utf8")) as { bin?: unknown };
      const script = typeof bin === "string" ? bin : (bin as Record<string, unknown> | undefined)?.[program];
      if (typeof script === "string") return join(home, script);
    } catch {
      // Not in this folder.
    }
  }
  return null;
}
