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
