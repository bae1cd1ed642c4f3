import { SlowwaveError } from "../../domain/failure.ts";
import type { FileChanges } from "../../domain/generation.ts";

const LARGE_UNITS = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
] as const;

/** A length of time for a person: `40 ms`, `3.2 s`, `4 min 20 s`, `1 h 5 min`. */
export function elapsed(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} min ${Math.floor((ms % 60_000) / 1_000)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Seconds as one rounded unit: `45 seconds`, `12 minutes`, `1 hour`, `3 days`. */
export function about(seconds: number): string {
  const [unit, size] = LARGE_UNITS.find(([, size]) => seconds >= size) ?? (["second", 1] as const);
  const count = Math.max(0, Math.round(seconds / size));
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}

/** A moment as a person reads it in a list: UTC, to the second. */
export function moment(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")}Z`;
}

/** `1 finding`, `2 findings`. */
export function counted(count: number, noun: string, nouns = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : nouns}`;
}

/** `1 added, 3 modified files`; what there is none of is left out. */
export function changedFiles({ added, modified, deleted }: FileChanges): string {
  const counts = [
    [added.length, "added"],
    [modified.length, "modified"],
    [deleted.length, "deleted"],
  ] as const;
  const parts = counts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  const total = counts.reduce((sum, [count]) => sum + count, 0);
  return parts.length === 0 ? "nothing" : `${parts.join(", ")} ${total === 1 ? "file" : "files"}`;
}

/** A word as a shell takes it back: what is printed as a command can be pasted. Control characters want Bash or Zsh. */
export function quoted(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  if (!/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(word)) return `'${word.replaceAll("'", "'\\''")}'`;
  const escaped = word.replace(
    /[\\'\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\U${(character.codePointAt(0) ?? 0).toString(16).padStart(8, "0")}`,
  );
  return `$'${escaped}'`;
}

const MS_OF_UNIT: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
/** What a timer can hold. */
const LONGEST_MS = 24 * 86_400_000;

/** `90s`, `10m`, `1.5h`, `1d` in milliseconds: at least a second, at most 24 days. */
export function durationMs(text: string, flag: string): number {
  const found = /^(?<count>\d+(?:\.\d+)?)(?<unit>[smhd])$/.exec(text)?.groups;
  const ms = found === undefined ? 0 : Number(found.count) * (MS_OF_UNIT[found.unit ?? ""] ?? 0);
  if (ms >= 1_000 && ms <= LONGEST_MS) return ms;
  throw new SlowwaveError(
    "invalid_usage",
    `${flag} needs a duration such as 90s, 10m, 1.5h or 1d, not "${text}".`,
  );
}
