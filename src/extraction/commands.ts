import type { EvidenceRow } from "./evidence.ts";

/** A shell command of a session, by what it was about. */
export interface RunCommand {
  /** The part whose result was seen, without redirections and what only trims its output: `npm test`. */
  readonly core: string;
  /** As it was typed. */
  readonly whole: string;
  /** Null when nothing tells it. */
  readonly ok: boolean | null;
  /** One line of the output that says what went wrong. */
  readonly error: string | null;
  readonly row: EvidenceRow;
}

const LONGEST_COMMAND = 160;

/** What a row tells of a command; null for rows that are none, and for commands that only look around. */
export function commandOf(row: EvidenceRow): RunCommand | null {
  const whole = row.tool?.command?.trim() ?? "";
  if (row.tool === undefined || whole === "" || whole.includes("\n")) return null;
  const { core, isFiltered } = coreOf(whole);
  if (core === "" || core.length > LONGEST_COMMAND || LOOKING.test(core) || core.includes("`")) return null;
  const ok = outcomeOf(row.text, row.tool.ok, isFiltered);
  return { core, whole, ok, error: ok === false ? errorLine(row.text) : null, row };
}

/** Commands that show, find or move things: how they ended teaches nothing. */
const LOOKING =
  /^(?:\w+=\S+ )*(?:sudo )?(?:cat|ls|ll|cd|pwd|echo|printf|grep|rg|ag|find|fd|head|tail|less|more|sed|awk|wc|which|type|whereis|tree|stat|file|du|df|ps|env|export|set|source|sleep|true|test|mkdir|rmdir|rm|cp|mv|touch|ln|chmod|chown|kill|pkill|date|whoami|id|history|man|clear|sort|uniq|diff|jq|xargs|tee|tar|unzip|open|code|apply_patch|git (?:status|diff|log|show|add|commit|branch|checkout|switch|restore|stash|blame|grep|rev-parse|remote|fetch|pull|push|merge|rebase|reset|config|ls-files|tag)|gh)(?:\s|$)/;

/** What stands behind a pipe and only trims or shows what went through it; its own end hides that of the command. */
const FILTER = /^(?:tail|head|grep|egrep|rg|tee|cat|less|more|sed|awk|sort|uniq|wc|cut|tr|column|jq|xargs)\b/;

/** The command whose result was seen: the last of a row, in front of what trims its output. */
export function coreOf(command: string): { readonly core: string; readonly isFiltered: boolean } {
  // What stands behind only hides how it ended.
  const withoutMask = command.replace(/\s*(?:\|\||;)\s*(?:true|:|echo\b[^|;&]*)$/, "");
  const last = split(withoutMask, /^(?:&&|\|\||;)/).at(-1) ?? "";
  const pipe = split(last, /^\|/);
  let end = pipe.length;
  while (end > 1 && FILTER.test(pipe[end - 1]?.trim() ?? "")) end -= 1;
  const core = pipe
    .slice(0, end)
    .join(" | ")
    .replace(/\s*\d?>&\d|\s*&?\d?>>?\s*\S+/g, "")
    .replace(/\s+/g, " ")
    .trim();
  return { core, isFiltered: end < pipe.length || withoutMask !== command };
}

/** Cuts at separators that stand outside of quotes. */
function split(text: string, separator: RegExp): readonly string[] {
  const parts: string[] = [];
  let part = "";
  let quote = "";
  for (let at = 0; at < text.length; at += 1) {
    const letter = text.charAt(at);
    if (quote !== "") quote = letter === quote ? "" : quote;
    else if (letter === "'" || letter === '"' || letter === "`") quote = letter;
    const found = quote === "" ? separator.exec(text.slice(at, at + 2))?.[0] : undefined;
    if (found === undefined || (found === "|" && text.charAt(at + 1) === "|")) {
      part += letter;
      continue;
    }
    parts.push(part);
    part = "";
    at += found.length - 1;
  }
  return [...parts, part].map((piece) => piece.trim()).filter((piece) => piece !== "");
}

/** How runners of tests, compilers and linters say that something is wrong, or that all is well. */
const FAILED =
  /^# fail [1-9]|\b[1-9]\d* (?:tests? )?(?:failed|failing|failures?|errors?)\b|^(?:FAIL|FAILED)\b|npm ERR!|\bAssertionError\b|^Traceback \(|\berror TS\d+|^error(?:\[\w+\])?:|\bcommand not found\b|^make: \*\*\*/im;
const PASSED =
  /^# fail 0$|\b[1-9]\d* (?:tests? )?(?:passed|passing)\b|\b0 (?:failed|failures|errors)\b|^ok\s|\bBuild succeeded\b|^test result: ok\b|\ball checks passed\b/im;

/** An exit code speaks for the command only where nothing stood behind it; else what was printed does. */
function outcomeOf(output: string, ok: boolean | null, isFiltered: boolean): boolean | null {
  if (ok === false) return false;
  if (!isFiltered) return ok;
  if (FAILED.test(output)) return false;
  return PASSED.test(output) ? true : null;
}

const TELLING =
  /\b(?:fatal|error|panic|exception|cannot|can't|could not|unable to|undefined|not found|no such file|denied|refused|timed out|timeout|unexpected|unknown|invalid|missing|unsupported|conflict|failed|expected|mismatch|out of memory|segmentation fault)\b|^\w*(?:Error|Exception)\b/i;

/** The one line of an output that says what went wrong. Nothing else of an output goes into a note. */
function errorLine(output: string): string | null {
  const lines = output.split("\n").map((line) => line.trim());
  const telling = lines.filter((line) => line.length >= 8 && line.length <= 200 && TELLING.test(line));
  // A message says more than the word that announces it.
  const line = telling.find((text) => /(?:error|exception)\W*[:=]/i.test(text)) ?? telling[0];
  return line === undefined || line.includes("`") ? null : line;
}
