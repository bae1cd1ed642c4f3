import type { ChildProcess } from "node:child_process";
import { closeSync, constants, openSync, readdirSync, readFileSync } from "node:fs";
import { access, readFile, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { delimiter, isAbsolute, join } from "node:path";
import type { Writable } from "node:stream";

/** What an agent may see of our environment; everything else, keys and tokens above all, stays here. */
const ALLOWED = ["PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "SystemRoot"] as const;

/** Name of the mark by which the processes of one agent are known. */
const MARK = "SLOWWAVE_RUN";

/** The environment of an agent: the allow-list, what this agent needs beside it, and the mark. */
export function scrubbedEnvironment(
  source: NodeJS.ProcessEnv,
  key: string,
  also: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const kept = ALLOWED.flatMap((name) => (source[name] === undefined ? [] : [[name, source[name]] as const]));
  return { ...Object.fromEntries(kept), ...also, [MARK]: key };
}

export function markOf(key: string): string {
  return `${MARK}=${key}`;
}

const CLOSE_ON_EXEC = 0o2000000;
const MOST = 1024;

/**
 * Above the three that every child gets. Our own are all closed on exec, and Node sees to the first of what it inherits:
 * these lie further up, and came from whoever started us.
 */
function inheritedDescriptors(): readonly number[] {
  try {
    return readdirSync("/proc/self/fdinfo").map(Number).filter(isInherited);
  } catch {
    return [];
  }
}

function isInherited(descriptor: number): boolean {
  if (descriptor < 3 || descriptor >= MOST) return false;
  try {
    const info = readFileSync(`/proc/self/fdinfo/${descriptor}`, "latin1");
    const flags = Number.parseInt(/^flags:\s*(\d+)$/m.exec(info)?.[1] ?? "", 8);
    return (flags & CLOSE_ON_EXEC) === 0;
  } catch {
    // That was the one by which the folder was read.
    return false;
  }
}

let known: readonly number[] | null = null;

type Slot = "pipe" | "ignore" | number;

/**
 * Starts a child with these slots, and with nothing in the place of what we inherited: a child would inherit it in its
 * turn. (An ignored slot above the first three is left as it is, so that something must take its place.)
 */
export function withoutInherited<Result>(slots: readonly Slot[], start: (slots: Slot[]) => Result): Result {
  known ??= inheritedDescriptors();
  const covered = known.filter((descriptor) => descriptor >= slots.length);
  if (covered.length === 0) return start([...slots]);
  const nothing = openSync("/dev/null", "r");
  try {
    const length = Math.max(...covered) + 1;
    return start(
      Array.from({ length }, (_, at): Slot => slots[at] ?? (covered.includes(at) ? nothing : "ignore")),
    );
  } finally {
    closeSync(nothing);
  }
}

/** Gives a child what it reads from its descriptors 3, 4, …; started with a pipe for each. */
export function feed(child: ChildProcess, feeds: readonly Uint8Array[]): void {
  for (const [at, bytes] of feeds.entries()) {
    const pipe = child.stdio[3 + at] as Writable | null | undefined;
    // A child that died before it read them tells so by its exit.
    pipe?.on("error", () => {}).end(bytes);
  }
}

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
