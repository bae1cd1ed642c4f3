import { readFileSync } from "node:fs";
import { codeOf, SlowwaveError } from "../domain/failure.ts";
import { DEFAULT_SETTINGS, type Settings } from "../domain/settings.ts";
import { type Program, SANDBOX_NAMES, type SandboxName } from "../internal/sandbox.ts";
import { settingsFrom, settingsSchema } from "../internal/settings.ts";
import type { World } from "./world.ts";

/** What the person may set: the job's settings, which agent does the work, and in which sandbox. */
export interface Choices {
  readonly settings: Settings;
  readonly agent: string;
  /** Absent: the agent's own default. */
  readonly sandbox?: SandboxName;
  /** Program and first arguments of the agent "acp". */
  readonly agentCommand?: Program;
}

/** A setting as a flag gave it: name of the flag and its text. */
export type FlagValues = Partial<Record<Key, { readonly flag: string; readonly text: string }>>;

type Key = keyof Settings | "agent" | "agentCommand" | "sandbox";
const KEYS = [...Object.keys(DEFAULT_SETTINGS), "agent", "agentCommand", "sandbox"] as readonly Key[];
const TEXT: ReadonlySet<Key> = new Set(["agent", "model", "sandbox"]);
const DEFAULT_AGENT = "extractive";

/** One value with the place it came from, for the sentence that refuses it. */
interface Sourced {
  readonly source: string;
  readonly value: unknown;
}

/** Flags, then `SLOWWAVE_*`, then the config file, then the defaults. Each value is checked, used or not. */
export function choicesFrom(flags: FlagValues, env: World["env"], configFile: string): Choices {
  const chosen: Partial<Record<Key, unknown>> = {};
  for (const source of [fromFile(configFile), fromEnvironment(env), fromFlags(flags)]) {
    for (const [key, sourced] of source) chosen[key] = checked(key, sourced);
  }
  const { agent = DEFAULT_AGENT, agentCommand, sandbox, ...settings } = chosen;
  if (agent === "acp" && agentCommand === undefined) throw programMissing();
  return {
    settings: settingsFrom(settings as Partial<Settings>),
    agent: agent as string,
    ...(agentCommand === undefined ? {} : { agentCommand: agentCommand as Program }),
    ...(sandbox === undefined ? {} : { sandbox: sandbox as SandboxName }),
  };
}

function programMissing(): SlowwaveError {
  return new SlowwaveError(
    "invalid_settings",
    'The agent "acp" needs a program: `slowwave run --agent acp -- COMMAND…`, or `agentCommand` in the config file.',
  );
}

function fromFlags(flags: FlagValues): readonly (readonly [Key, Sourced])[] {
  return KEYS.flatMap((key) => {
    const given = flags[key];
    return given === undefined
      ? []
      : [[key, { source: given.flag, value: parsed(key, given.text, given.flag) }] as const];
  });
}

function fromEnvironment(env: World["env"]): readonly (readonly [Key, Sourced])[] {
  return KEYS.flatMap((key) => {
    const source = `SLOWWAVE_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
    const text = env[source];
    return text === undefined || text === ""
      ? []
      : [[key, { source, value: parsed(key, text, source) }] as const];
  });
}

function fromFile(path: string): readonly (readonly [Key, Sourced])[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return [];
    throw new SlowwaveError("invalid_config", `The config file ${path} cannot be read; mend or remove it.`, {
      cause: error,
    });
  }
  let values: unknown;
  try {
    values = JSON.parse(text);
  } catch (error) {
    throw new SlowwaveError(
      "invalid_config",
      `The config file ${path} is not valid JSON; mend or remove it.`,
      {
        cause: error,
      },
    );
  }
  if (typeof values !== "object" || values === null || Array.isArray(values)) {
    throw new SlowwaveError("invalid_config", `The config file ${path} must hold one JSON object.`);
  }
  const { store, ...settings } = values as Readonly<Record<string, unknown>>;
  if (store !== undefined && store !== null && typeof store !== "string") {
    throw new SlowwaveError(
      "invalid_config",
      `The config file ${path} must name \`store\` as a text, or null.`,
    );
  }
  return Object.entries(settings).map(([key, value]) => {
    if (!KEYS.includes(key as Key)) {
      throw new SlowwaveError(
        "invalid_config",
        `The config file ${path} has an unknown key "${key}"; known are ${[...KEYS, "store"].join(", ")}.`,
      );
    }
    return [key as Key, { source: path, value }] as const;
  });
}

/** `none` lifts a limit. */
function parsed(key: Key, text: string, source: string): unknown {
  if (TEXT.has(key)) return text;
  if (key === "skipUnchanged") {
    if (text === "true" || text === "1") return true;
    if (text === "false" || text === "0") return false;
    throw invalid(key, source, 'expected "true" or "false"');
  }
  if (key === "gate") return jsonOf(key, text, source, '{"skill_form":"warn"}');
  if (key === "agentCommand") return jsonOf(key, text, source, '["my-agent","--acp"]');
  if (text === "none") return null;
  if (!/^-?\d+(?:\.\d+)?$/.test(text)) throw invalid(key, source, `"${text}" is not a number`);
  return Number(text);
}

function jsonOf(key: Key, text: string, source: string, example: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalid(key, source, `expected JSON, such as ${example}`);
  }
}

function checked(key: Key, { source, value }: Sourced): unknown {
  if (key === "agent") {
    if (typeof value === "string" && value !== "") return value;
    throw invalid(key, source, "expected the name of an agent");
  }
  if (key === "agentCommand") {
    if (Array.isArray(value) && value.length > 0 && value.every((word) => typeof word === "string"))
      return value;
    throw invalid(key, source, "expected a list of words, the program first");
  }
  if (key === "sandbox") {
    if (SANDBOX_NAMES.includes(value as SandboxName)) return value;
    throw invalid(key, source, `expected ${SANDBOX_NAMES.join(" or ")}`);
  }
  const found = settingsSchema.safeParse({ ...DEFAULT_SETTINGS, [key]: value });
  if (!found.success)
    throw invalid(key, source, readable(found.error.issues[0]?.message ?? "it is not allowed"));
  return value;
}

/** The validator speaks to programmers. */
function readable(message: string): string {
  return message
    .replace(/^Too small: expected .* to be >=(.+)$/, "it must be at least $1")
    .replace(/^Too small: expected .* to be >(.+)$/, "it must be more than $1")
    .replace(/^Too big: expected .* to be <=(.+)$/, "it must be at most $1")
    .replace(/^Invalid input: expected (.+), received (.+)$/, "expected $1, not $2");
}

function invalid(key: Key, source: string, why: string): SlowwaveError {
  return new SlowwaveError("invalid_settings", `${key}, given by ${source}, is not valid: ${why}.`);
}
