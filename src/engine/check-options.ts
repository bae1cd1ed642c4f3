import { SlowwaveError } from "../domain/failure.ts";
import { DEFAULT_SETTINGS } from "../domain/settings.ts";

const SETTINGS = Object.keys(DEFAULT_SETTINGS);
const PORTS = ["jobs", "memories", "runs", "generations", "owners"];
const OF_AN_ENGINE = ["store", "agent", "home", "memoryRoot", "maxLiveRuns", "clock", "ids", "files"];
const OF_A_START = ["space", "now", "dryRun"];
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
  if (memoryRoot !== undefined && typeof memoryRoot !== "function") {
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
