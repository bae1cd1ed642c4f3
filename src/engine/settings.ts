import { z } from "zod";
import { SlowwaveError } from "../domain/failure.ts";
import {
  DEFAULT_SETTINGS,
  GATE_DEFAULTS,
  GATE_SEVERITIES,
  type GateCode,
  type GateSeverity,
  type Settings,
} from "../domain/settings.ts";

const positive = z.number().positive();
const limit = positive.nullable();

/** Ranges of every setting; the CLI and the config file go through the same door. */
export const settingsSchema: z.ZodType<Settings> = z.strictObject({
  leaseSeconds: z.int().min(10),
  heartbeatSeconds: positive,
  retryDelaySeconds: z.int().min(0),
  retries: z.int().min(1).max(100),
  successCooldownSeconds: z.int().min(0),
  maxInputs: z.int().min(1).max(4096),
  skipUnchanged: z.boolean(),
  maxRunMinutes: limit,
  maxSilenceMinutes: limit,
  maxTurns: z.int().min(1).nullable(),
  maxToolCalls: z.int().min(1).nullable(),
  maxTokens: z.int().min(1).nullable(),
  maxCostUsd: limit,
  maxOutputBytes: z.int().min(1).nullable(),
  maxRunsPerDay: z.int().min(1).nullable(),
  maxTokensPerDay: z.int().min(1).nullable(),
  maxCostUsdPerDay: limit,
  keepRuns: z.int().min(1),
  keepRunDays: z.int().min(1),
  keepRejected: z.int().min(1),
  model: z.string().min(1).nullable(),
  gate: z.partialRecord(
    z.enum(Object.keys(GATE_DEFAULTS) as [GateCode, ...GateCode[]], {
      error: "it names no check of the gate",
    }),
    z.enum(GATE_SEVERITIES as [GateSeverity, ...GateSeverity[]], {
      error: `each check is one of ${GATE_SEVERITIES.join(", ")}`,
    }),
  ),
});

/** The first source that has a value wins. Throws `invalid_settings` with the name and what is allowed. */
export function settingsFrom(...sources: readonly Partial<Settings>[]): Settings {
  const merged: Record<string, unknown> = { ...DEFAULT_SETTINGS };
  for (const source of [...sources].reverse()) {
    for (const key of Object.keys(DEFAULT_SETTINGS) as (keyof Settings)[]) {
      if (source[key] !== undefined) merged[key] = source[key];
    }
  }
  const parsed = settingsSchema.safeParse(merged);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new SlowwaveError(
      "invalid_settings",
      `The setting ${issue?.path.join(".")} is not valid: ${issue?.message}.`,
    );
  }
  if (parsed.data.heartbeatSeconds * 2 > parsed.data.leaseSeconds) {
    throw new SlowwaveError(
      "invalid_settings",
      "The setting heartbeatSeconds must be at most half of leaseSeconds, or one missed beat loses the lease.",
    );
  }
  return parsed.data;
}

const SETTINGS = Object.keys(DEFAULT_SETTINGS);
const PORTS = ["jobs", "memories", "runs", "generations", "liveness"];
const OF_AN_ENGINE = ["store", "agent", "home", "memoryRoot", "maxLiveRuns", "clock", "ids", "files"];
const OF_A_START = ["space", "now", "dryRun", "waitForPlace"];
const OF_AN_ACTOR = ["store", "agent", "home", "memoryRoot", "space", "clock", "ids", "onEvent"];

/** Throws `invalid_settings` with a sentence that names what is missing, of another shape, or unknown. */
export function checkEngineOptions(options: unknown): void {
  checkNames("createEngine", options, OF_AN_ENGINE);
  checkParts("createEngine", options as object);
}

/** As `checkEngineOptions`, for `createPhase2Actor`. */
export function checkActorOptions(options: unknown): void {
  checkNames("createPhase2Actor", options, OF_AN_ACTOR);
  checkParts("createPhase2Actor", options as object);
}

/** As `checkEngineOptions`, for what a start is asked with. */
export function checkStartRequest(request: unknown): void {
  checkNames("start", request, OF_A_START);
  const { space } = request as { space?: unknown };
  if (space !== undefined && typeof space !== "string") refuse("start", "`space` must be a text");
}

function checkNames(where: string, options: unknown, own: readonly string[]): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    refuse(where, `it takes an object with ${own.slice(0, 3).join(", ")} …`);
  }
  const known = [...own, ...SETTINGS];
  for (const name of Object.keys(options as object)) {
    if (known.includes(name)) continue;
    const near = known.find((other) => isNear(name.toLowerCase(), other.toLowerCase()));
    refuse(where, `there is no option \`${name}\`${near === undefined ? "" : `; is \`${near}\` meant?`}`);
  }
}

function checkParts(
  where: string,
  options: { store?: unknown; agent?: unknown; home?: unknown; memoryRoot?: unknown },
): void {
  const { store, agent, home, memoryRoot } = options;
  const missing = PORTS.filter(
    (port) => typeof (store as Record<string, unknown> | null)?.[port] !== "object",
  );
  if (missing.length > 0) {
    refuse(
      where,
      "`store` must be an open store, as `await openSqliteStore({ path })` of slowwave/sqlite gives it",
    );
  }
  if (typeof agent === "function")
    refuse(where, "`agent` is a function: wrap it, `functionAgent(…)` of slowwave/agents");
  if (typeof (agent as { spawn?: unknown } | null | undefined)?.spawn !== "function") {
    refuse(where, "`agent` must be an agent, such as `extractiveAgent()` of slowwave/agents");
  }
  if (typeof home !== "string" || home === "") refuse(where, "`home` must be the path of a folder");
  if (memoryRoot != null && typeof memoryRoot !== "function") {
    refuse(where, "`memoryRoot` must be a function from a space to the path of a folder");
  }
}

/** One letter more, less or other; or one a part of the other. */
function isNear(a: string, b: string): boolean {
  const [short, long] = a.length <= b.length ? [a, b] : [b, a];
  if (short.length >= 4 && long.includes(short)) return true;
  if (long.length - short.length > 1) return false;
  let at = 0;
  while (at < short.length && short[at] === long[at]) at += 1;
  return short.slice(short.length === long.length ? at + 1 : at) === long.slice(at + 1);
}

function refuse(where: string, why: string): never {
  throw new SlowwaveError("invalid_settings", `${where}: ${why}.`);
}
