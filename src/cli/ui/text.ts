import pc from "picocolors";
import { SlowwaveError } from "../../domain/failure.ts";
import type { FileChanges } from "../../domain/generation.ts";
import { terminalText } from "../../text/sanitize.ts";

/**
 * Text from anywhere, made safe for a terminal: slugs, paths, causes, agent messages and memory are untrusted.
 * The one door: `output.ts` sends every text through here, and nothing else writes.
 */
export const printable = terminalText;

/** One line of at most `length` characters. */
export function clipped(text: string, length: number): string {
  const characters = [...text.slice(0, length * 4)];
  return characters.length <= length && text.length <= length * 4
    ? text
    : `${characters.slice(0, Math.max(1, length - 1)).join("")}…`;
}

/** JSON means the same with these escaped, and a terminal that shows it stays as it was. */
export function printableJson(value: unknown): string {
  return harmless(JSON.stringify(value, null, 2));
}

/** The same on one line, for streams. */
export function printableJsonLine(value: unknown): string {
  return harmless(JSON.stringify(value));
}

function harmless(json: string): string {
  return json.replace(
    /[\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\p{Cs}]|[^\P{Cc}\n]/gu,
    (character) =>
      [...Array(character.length).keys()].map((at) => escaped(character.charCodeAt(at))).join(""),
  );
}

function escaped(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, "0")}`;
}

/** Text with a style. Styles are data until they are written, so that no text can bring its own. */
export interface Painted {
  readonly style: Style;
  readonly text: string;
}
type Style = "bold" | "dim" | "green" | "red" | "yellow" | "cyan";
/** One line in pieces. */
export type Line = string | Painted | readonly (string | Painted)[];

export const bold = (text: string): Painted => ({ style: "bold", text });
export const dim = (text: string): Painted => ({ style: "dim", text });
export const green = (text: string): Painted => ({ style: "green", text });
export const red = (text: string): Painted => ({ style: "red", text });
export const yellow = (text: string): Painted => ({ style: "yellow", text });
export const cyan = (text: string): Painted => ({ style: "cyan", text });

/** The line as it goes to a terminal or a pipe; every piece is made printable on the way. */
export function rendered(line: Line, { colors }: { readonly colors: boolean }): string {
  const palette = pc.createColors(colors);
  const pieces = Array.isArray(line) ? (line as readonly (string | Painted)[]) : [line as string | Painted];
  return pieces
    .map((piece) =>
      typeof piece === "string" ? printable(piece) : palette[piece.style](printable(piece.text)),
    )
    .join("");
}

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
