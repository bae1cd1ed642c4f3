import { readFile } from "node:fs/promises";
import { extname, isAbsolute, join } from "node:path";
import { type ParseError, parse as parseJson, printParseErrorCode } from "jsonc-parser";
import { parse as parseToml, stringify as stringifyToml } from "smol-toml";
import { SlowwaveError } from "../../domain/failure.ts";
import { splitPath, withinMade } from "../../files/folder.ts";
import { nodeFiles } from "../../files/node-files.ts";
import { removePath } from "../../files/tree.ts";
import type { SeenFile } from "./presets.ts";

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
