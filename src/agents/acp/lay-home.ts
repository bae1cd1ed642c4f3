import { readFile } from "node:fs/promises";
import { extname, isAbsolute, join } from "node:path";
import { SlowwaveError } from "../../domain/failure.ts";
import { splitPath, withinMade } from "../../files/folder.ts";
import { nodeFiles } from "../../files/node-files.ts";
import { removePath } from "../../files/remove-tree.ts";
import type { SeenFile } from "./presets.ts";

/** A login or a configuration; what is larger is neither. */
const MOST_BYTES = 1024 * 1024;

/**
 * Lays an agent's private home: empty but for these files, copied from the person's or made. What an earlier start
 * left there is gone. Rejects when a file is there that can't be understood.
 */
export async function layHome(
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
  const written = extname(to) === ".toml" ? tomlOf : jsonOf;
  try {
    return written(source?.text ?? "", keys, ours ?? {});
  } catch (cause) {
    throw new SlowwaveError(
      "agent_not_started",
      `The agent's configuration ${source?.path} is no JSON; mend it.`,
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

function jsonOf(text: string, keys: readonly string[], ours: object): string {
  const all = (text.trim() === "" ? {} : JSON.parse(plainJson(text))) as Record<string, unknown>;
  const kept = keys.filter((key) => Object.hasOwn(all, key)).map((key) => [key, all[key]] as const);
  return JSON.stringify({ ...Object.fromEntries(kept), ...ours });
}

/** Without comments, and without commas before the end of a list; strings stay as they are. */
function plainJson(text: string): string {
  return text
    .replace(
      /("(?:\\.|[^"\\])*")|\/\/[^\n]*|\/\*[\s\S]*?\*\//g,
      (_, string: string | undefined) => string ?? " ",
    )
    .replace(/("(?:\\.|[^"\\])*")|,(?=\s*[}\]])/g, (_, string: string | undefined) => string ?? "");
}

/**
 * By lines: keys of the top table whose value ends on their line, and whole tables. Enough for what is kept; a
 * value that goes on over lines is left out.
 */
function tomlOf(text: string, keys: readonly string[], ours: Readonly<Record<string, unknown>>): string {
  const head = Object.entries(ours).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
  const tables: string[] = [];
  let table: string | null = null;
  for (const line of text.split("\n")) {
    const header = /^\s*\[+\s*([\w-]+)/.exec(line)?.[1];
    if (header !== undefined) table = header;
    const key = /^\s*([\w-]+)\s*=\s*("[^"\\]*"|'[^']*'|[\w.+-]+)\s*(#.*)?$/.exec(line)?.[1];
    if (table !== null) tables.push(...(keys.includes(table) ? [line] : []));
    else if (key !== undefined && keys.includes(key) && !Object.hasOwn(ours, key)) head.push(line);
  }
  return `${[...head, ...tables].join("\n")}\n`;
}
