import type { GateSettings } from "./gate.ts";

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
  model: null,
  gate: {},
};

/** Turns in which an agent may mend what the gate found (a stricter gate alone makes jobs fail for days). */
export const MAX_REPAIRS = 2;
/** How often a run begins again because its agent died with the engine. */
export const MAX_RESTARTS = 5;
