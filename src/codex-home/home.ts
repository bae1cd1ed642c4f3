import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { join, resolve } from "node:path";
import { parse } from "smol-toml";
import { causeOf, SlowwaveError } from "../domain/failure.ts";

/** Codex keeps two memories apart, each with its own folder, lock file and database. */
export type MemoryVersion = "v1" | "v2";

/** Where a Codex (0.169 or later) keeps its memory, and the settings of its `[memories]` that bind us, too. */
export interface CodexHome {
  /** The real path of the folder. */
  readonly folder: string;
  readonly version: MemoryVersion;
  /** The folder its sessions read. */
  readonly root: string;
  /** Held with `flock(2)` by whoever consolidates. */
  readonly lockFile: string;
  /** Jobs and stage-1 outputs. */
  readonly memories: string;
  /** Its threads; only ever read. */
  readonly state: string;
  /** Most outputs of one consolidation. */
  readonly maxInputs: number;
  /** Days after which an output that no session used is left out. */
  readonly maxUnusedDays: number;
}

/** Below the memory folder: what a person, or an agent that was told to remember something, wrote down there. */
export const NOTES_FOLDER = ["extensions", "ad_hoc", "notes"] as const;

/** What Codex 0.169 takes where its configuration says nothing, and its bounds. */
const DEFAULT_VERSION: MemoryVersion = "v2";
const DEFAULT_INPUTS = 256;
const MOST_INPUTS = 4_096;
const DEFAULT_UNUSED_DAYS = 30;
const MOST_UNUSED_DAYS = 365;

/**
 * Reads where the Codex home at `folder` keeps its memory. Throws `codex_home_missing` when it is no Codex home, or one in
 * which Codex never made a memory, and `codex_home_unknown` when its configuration can't be understood.
 */
export function readCodexHome(folder: string, env: Readonly<Record<string, string | undefined>>): CodexHome {
  const real = realFolder(folder);
  const { memories, sqliteHome } = configurationOf(real);
  const version = versionOf(real, memories.version);
  const suffix = version === "v2" ? "_v2" : "";
  const databases = resolve(real, env.CODEX_SQLITE_HOME || sqliteHome || ".");
  return {
    folder: real,
    version,
    root: join(real, `memories${suffix}`),
    lockFile: join(real, `memories${suffix}.lock`),
    memories: demandFile(real, join(databases, `memories${suffix}_1.sqlite`)),
    state: demandFile(real, newestState(databases)),
    maxInputs: bounded(memories.max_raw_memories_for_consolidation, DEFAULT_INPUTS, MOST_INPUTS),
    maxUnusedDays: bounded(memories.max_unused_days, DEFAULT_UNUSED_DAYS, MOST_UNUSED_DAYS),
  };
}

function realFolder(folder: string): string {
  try {
    return realpathSync(folder);
  } catch (cause) {
    throw new SlowwaveError(
      "codex_home_missing",
      `There is no folder ${folder}; name the one that CODEX_HOME names.`,
      {
        cause,
      },
    );
  }
}

function configurationOf(folder: string): {
  readonly memories: Record<string, unknown>;
  readonly sqliteHome: string | null;
} {
  const file = join(folder, "config.toml");
  let text = "";
  try {
    if (existsSync(file)) text = readFileSync(file, "utf8");
    const { memories, sqlite_home: sqliteHome } = parse(text);
    return {
      memories: isTable(memories) ? memories : {},
      sqliteHome: typeof sqliteHome === "string" ? sqliteHome : null,
    };
  } catch (cause) {
    throw new SlowwaveError(
      "codex_home_unknown",
      `${file} can't be read (${causeOf(cause)}); mend it, since it says where Codex keeps its memory.`,
      { cause },
    );
  }
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function versionOf(folder: string, wanted: unknown): MemoryVersion {
  if (wanted === undefined) return DEFAULT_VERSION;
  if (wanted === "v1" || wanted === "v2") return wanted;
  throw new SlowwaveError(
    "codex_home_unknown",
    `The configuration in ${folder} asks for a memory version that this Slowwave does not know; v1 and v2 are known.`,
  );
}

/** The number in the name grows when Codex changes the form of the file. */
function newestState(databases: string): string {
  const numbers = namesIn(databases).flatMap((name) => /^state_(\d+)\.sqlite$/.exec(name)?.[1] ?? []);
  const newest = Math.max(0, ...numbers.map(Number));
  return join(databases, `state_${newest}.sqlite`);
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function demandFile(folder: string, file: string): string {
  if (existsSync(file)) return file;
  throw new SlowwaveError(
    "codex_home_missing",
    `${folder} is no home of Codex 0.169 or later with a memory: there is no ${file}. Turn on \`features.memories\` in its config.toml and run Codex once.`,
  );
}

function bounded(value: unknown, fallback: number, most: number): number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0
    ? Math.min(value, most)
    : fallback;
}
