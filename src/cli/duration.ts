import { SlowwaveError } from "../domain/failure.ts";

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
/** What a timer can hold. */
const LONGEST_MS = 24 * 86_400_000;

/** `90s`, `10m`, `1.5h`, `1d` in milliseconds: at least a second, at most 24 days. */
export function durationMs(text: string, flag: string): number {
  const found = /^(?<count>\d+(?:\.\d+)?)(?<unit>[smhd])$/.exec(text)?.groups;
  const ms = found === undefined ? 0 : Number(found.count) * (UNITS[found.unit ?? ""] ?? 0);
  if (ms >= 1_000 && ms <= LONGEST_MS) return ms;
  throw new SlowwaveError(
    "invalid_usage",
    `${flag} needs a duration such as 90s, 10m, 1.5h or 1d, not "${text}".`,
  );
}
