import { SlowwaveError } from "./failure.ts";

/**
 * Settings of the job, with the defaults of the original at point S where it has them. Durations carry their
 * unit in the name. Order of precedence, decided by the caller: flags, environment, config file, these.
 */
export interface Settings {
  /** A claim is exclusive for this long without a heartbeat. */
  readonly leaseSeconds: number;
  readonly heartbeatSeconds: number;
  /** Wait after a failure. */
  readonly retryDelaySeconds: number;
  /** Failures in a row before the space waits for new input or `--now`. */
  readonly retries: number;
  /** Wait after a success; 0 = none (the original at S), 21600 = its successor's. */
  readonly successCooldownSeconds: number;
  /** Newest stage-1 outputs that are consolidated; 1..4096. */
  readonly maxInputs: number;
  /** Skip the agent when nothing changed since the last good generation. */
  readonly skipUnchanged: boolean;
  /** Null = no limit, here and below. */
  readonly maxRunMinutes: number | null;
  readonly maxSilenceMinutes: number | null;
  readonly maxTurns: number | null;
  readonly maxToolCalls: number | null;
  readonly maxTokens: number | null;
  readonly maxCostUsd: number | null;
  /** Of everything the agent says: messages, thoughts, what it tells of its tools. */
  readonly maxOutputBytes: number | null;
  /** These three: of one space within 24 hours; a start beyond them is skipped before it claims. */
  readonly maxRunsPerDay: number | null;
  readonly maxTokensPerDay: number | null;
  readonly maxCostUsdPerDay: number | null;
  /** A run is kept while it is among so many newest of its space, or so young; a failed one for twice both. */
  readonly keepRuns: number;
  readonly keepRunDays: number;
  /** How many refused workspaces are kept for inspection, none longer than 14 days. */
  readonly keepRejected: number;
  readonly model: string | null;
  /** Severities of single checks of the gate, by their codes; the others keep theirs. */
  readonly gate: GateSettings;
}

export const DEFAULT_SETTINGS: Settings = {
  leaseSeconds: 3600,
  heartbeatSeconds: 90,
  retryDelaySeconds: 3600,
  retries: 3,
  successCooldownSeconds: 0,
  maxInputs: 256,
  skipUnchanged: true,
  maxRunMinutes: 60,
  maxSilenceMinutes: 10,
  maxTurns: 40,
  maxToolCalls: 2000,
  maxTokens: null,
  maxCostUsd: null,
  maxOutputBytes: 16 * 1024 * 1024,
  maxRunsPerDay: null,
  maxTokensPerDay: null,
  maxCostUsdPerDay: null,
  keepRuns: 200,
  keepRunDays: 90,
  keepRejected: 20,
  model: null,
  gate: {},
};

/** Turns in which an agent may mend what the gate found (a stricter gate alone makes jobs fail for days). */
export const MAX_REPAIRS = 2;
/** How often a run begins again because its agent died with the engine. */
export const MAX_RESTARTS = 5;

/**
 * What a finding of the gate means for the run.
 *
 *   off     not reported; what the host mends by itself is still mended
 *   warn    reported
 *   ask     goes back to the agent while repair turns are left, then accepted and reported
 *   repair  goes back to the agent while repair turns are left, then refused
 *   refuse  refused at once
 */
export type GateSeverity = "off" | "warn" | "ask" | "repair" | "refuse";

export const GATE_SEVERITIES: readonly GateSeverity[] = ["off", "warn", "ask", "repair", "refuse"];

/**
 * Every check of an agent's result and its default. What makes a memory unusable or unsafe is refused when it
 * can't be mended; what makes it less handy is asked for and then accepted, since a gate that only ever refuses
 * keeps a memory from being renewed for days.
 */
export const GATE_DEFAULTS = {
  missing_file: "repair",
  summary_version: "repair",
  not_regular_file: "repair",
  leftover_removed: "warn",
  workspace_overflow: "refuse",
  file_too_large: "repair",
  too_many_lines: "repair",
  memory_too_large: "repair",
  too_many_files: "repair",
  size_kept: "warn",
  summary_too_long: "ask",
  not_text: "repair",
  control_characters: "repair",
  path_collision: "repair",
  host_file_altered: "warn",
  no_task_group: "ask",
  group_header: "ask",
  task_form: "ask",
  unknown_summary: "repair",
  unknown_thread: "repair",
  unknown_task: "repair",
  reference_kept: "ask",
  unknown_mention: "warn",
  group_not_indexed: "ask",
  structure_worse: "repair",
  model_residue: "repair",
  placeholder: "repair",
  repeated_text: "repair",
  cut_off: "repair",
  stray_text: "ask",
  skill_form: "repair",
  skill_too_long: "ask",
  skill_script: "warn",
  skill_script_unlisted: "ask",
  skill_removed: "warn",
  memory_loss: "repair",
  group_lost: "repair",
  memory_eroded: "ask",
  memory_wiped: "refuse",
  hand_edit_lost: "ask",
  secret: "repair",
  input_secret: "warn",
  forged_structure: "repair",
  instruction: "warn",
  hidden_text: "warn",
  instruction_kept: "warn",
  input_instruction: "warn",
} as const satisfies Record<string, GateSeverity>;

export type GateCode = keyof typeof GATE_DEFAULTS;

/** What the person chose for single checks; all others keep their default. */
export type GateSettings = Readonly<Partial<Record<GateCode, GateSeverity>>>;

export function gateSeverity(code: GateCode, settings: GateSettings): GateSeverity {
  return settings[code] ?? GATE_DEFAULTS[code];
}

/** Characters that a space key may have; a picture of several code points counts as those. */
export const MAX_SPACE_KEY = 200;

/**
 * Checks the key of a space: 1 to 200 code points, without control characters and half characters. Every door that takes
 * a key asks here (command line, library, HTTP, stores). Throws `space_invalid`.
 */
export function checkSpaceKey(space: unknown): asserts space is string {
  const isValid =
    typeof space === "string" &&
    space !== "" &&
    !/[\p{Cc}\p{Cs}]/u.test(space) &&
    (space.length <= MAX_SPACE_KEY || [...space].length <= MAX_SPACE_KEY);
  if (isValid) return;
  throw new SlowwaveError(
    "space_invalid",
    `A space key has 1 to ${MAX_SPACE_KEY} characters and no control characters; choose another one.`,
  );
}
