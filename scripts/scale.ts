import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createVocabulary, seededRandom } from "../src/eval/vocabulary.ts";
import { type Consolidated, type ConsolidateInput, consolidate } from "../src/extractive/consolidate.ts";
import { readNote } from "../src/extractive/note.ts";
import { lineOrigins } from "../src/extractive/origins.ts";
import { tokensOf } from "../src/text/tokens.ts";

/**
 * What the built-in agent makes of long histories: 120 real sessions, then more of them with paths, names and values
 * drawn anew.
 *
 *   SLOWWAVE_CORPUS=sessions.jsonl node scripts/scale.ts [count …]     default: 120 500 2000
 */

interface CorpusRecord {
  readonly thread_id: string;
  readonly source_updated_at: string;
  readonly rollout_path: string;
  readonly cwd: string;
  readonly raw_memory: string;
  readonly rollout_summary: string;
}

const DAY_MS = 86_400_000;
const LABELS = new URL("../training/labels.jsonl", import.meta.url);

function main(): void {
  const file = process.env.SLOWWAVE_CORPUS;
  if (file === undefined) throw new Error("SLOWWAVE_CORPUS must name the file with the real sessions");
  const real = readLines<CorpusRecord>(file);
  const wanted = wantedTexts(real);
  const counts = process.argv.slice(2).map(Number);
  const first = linesOf(consolidated(real).memory).filter((line) => isAmong(line, wanted));
  for (const count of counts.length > 0 ? counts : [120, 500, 2_000]) {
    const sessions = sessionsLike(real, count);
    const before = process.cpuUsage();
    const result = consolidated(sessions);
    const used = process.cpuUsage(before);
    const now = new Set(linesOf(result.memory).map(plain));
    const kept = first.filter((line) => now.has(plain(line)));
    const oneMore = consolidated(sessionsLike(real, count + 1));
    console.log(
      [
        `${count} sessions`,
        `MEMORY.md ${(Buffer.byteLength(result.memory) / 1024).toFixed(1)} KiB`,
        `${linesOf(result.memory).length} statements in ${result.projects} groups`,
        `summary ${tokensOf(result.summary)} tokens`,
        `wanted of the first 120 still there ${kept.length}/${first.length}`,
        `lines changed by one more session ${(changedShare(result.memory, oneMore.memory) * 100).toFixed(1)} %`,
        `lines that blame explains ${explainedLines(sessions, result.memory)}`,
        `CPU ${((used.user + used.system) / 1e6).toFixed(2)} s`,
      ].join("; "),
    );
  }
}

/** The real sessions, and as many copies of them as it takes, each with other names, numbers, folders and dates. */
function sessionsLike(real: readonly CorpusRecord[], count: number): readonly CorpusRecord[] {
  return Array.from({ length: count }, (_, at) => {
    const record = real[at % real.length] as CorpusRecord;
    const round = Math.floor(at / real.length);
    return round === 0 ? record : drawnAnew(record, round);
  });
}

function drawnAnew(record: CorpusRecord, round: number): CorpusRecord {
  // Sessions of one round share their names, as sessions of one project do.
  const words = createVocabulary(seededRandom(round * 7_919));
  const names = new Map<string, string>();
  const rename = (name: string) => {
    const key = name.toLowerCase();
    const known = names.get(key) ?? words.word();
    names.set(key, known);
    return known;
  };
  const renamed = (text: string) =>
    text
      .replace(
        /[A-Za-z]+(?:[A-Z_-][A-Za-z]*)+|[a-z]{4,}(?=\.(?:go|md|ts|json|db|sh|toml)\b)|(?<=\/)[a-z]{4,}(?=\/)/g,
        rename,
      )
      .replace(/\d+/g, (digits) =>
        String((Number(digits) * 31 + round) % 10 ** Math.min(digits.length, 9)).padStart(digits.length, "1"),
      );
  const time = new Date(Date.parse(record.source_updated_at) + round * 400 * DAY_MS).toISOString();
  return {
    thread_id: createHash("sha256").update(`${record.thread_id} ${round}`).digest("hex").slice(0, 32),
    source_updated_at: time,
    rollout_path: `sessions/${time.slice(0, 10)}/x.jsonl`,
    cwd: record.cwd.replace(/[^/]+/g, (part) => (/^(?:Users|home|dev)$/.test(part) ? part : rename(part))),
    raw_memory: renamed(record.raw_memory),
    rollout_summary: renamed(record.rollout_summary),
  };
}

function consolidated(sessions: readonly CorpusRecord[]): Consolidated {
  return consolidate(inputOf(sessions));
}

/** How many lines of the memory `slowwave blame` has an answer for. */
function explainedLines(sessions: readonly CorpusRecord[], memory: string): string {
  const explain = lineOrigins(inputOf(sessions), memory);
  const lines = memory.split("\n").flatMap((line, at) => (line === "" ? [] : [explain(at + 1)]));
  return `${lines.filter((origin) => origin.sessions.length > 0).length}/${lines.length}`;
}

function inputOf(sessions: readonly CorpusRecord[]): ConsolidateInput {
  const latestFirst = [...sessions].sort((a, b) => (a.source_updated_at < b.source_updated_at ? 1 : -1));
  const named = latestFirst.map((session) => {
    const time = `${session.source_updated_at.slice(0, 19)}+00:00`;
    const name = `${time.slice(0, 19).replaceAll(":", "-")}-${session.thread_id.slice(0, 4)}.md`;
    const head = `cwd: ${session.cwd}\nrollout_path: ${session.rollout_path}\n`;
    return { session, time, name, head };
  });
  return {
    rawMemories: named
      .map(
        ({ session, time, name, head }) =>
          `## Thread \`${session.thread_id}\`\nupdated_at: ${time}\n${head}rollout_summary_file: ${name}\n\n${session.raw_memory.trim()}\n\n`,
      )
      .join(""),
    summaries: named.map(({ session, time, name, head }) => ({
      name,
      text: `thread_id: ${session.thread_id}\nupdated_at: ${time}\n${head}\n${session.rollout_summary}\n`,
    })),
  };
}

/** Texts of the statements labelled as wanted. */
function wantedTexts(records: readonly CorpusRecord[]): readonly string[] {
  const wanted = new Set(
    readLines<{ statement: string; label: string }>(LABELS)
      .filter(({ label }) => label === "wanted")
      .map(({ statement }) => statement),
  );
  const pieces = records.flatMap(({ raw_memory }) =>
    readNote(raw_memory).subjects.flatMap(({ pieces }) => pieces),
  );
  return pieces
    .filter(({ text }) => wanted.has(createHash("sha256").update(text).digest("hex").slice(0, 16)))
    .map(({ text }) => plain(text));
}

function isAmong(line: string, texts: readonly string[]): boolean {
  const own = plain(line);
  return texts.some((text) => own.includes(text));
}

function linesOf(memory: string): readonly string[] {
  return memory
    .split(/^(?=##? )/m)
    .filter((section) => section.startsWith("## ") && !section.startsWith("## Task "))
    .flatMap((section) => section.split("\n").filter((line) => line.startsWith("- ")));
}

function plain(line: string): string {
  return line
    .replace(/^- |(?:\s*\[Task \d+\])+$/g, "")
    .replace(/ \(\d{4}-\d\d-\d\d\)$/, "")
    .replace(/["'`]/g, "");
}

/** Lines of the one that are not in the other, both ways, of all. */
function changedShare(before: string, after: string): number {
  const [a, b] = [before.split("\n"), after.split("\n")];
  const missing = (from: readonly string[], other: readonly string[]) => {
    const known = new Set(other);
    return from.filter((line) => !known.has(line)).length;
  };
  return (missing(a, b) + missing(b, a)) / (a.length + b.length);
}

function readLines<Line>(file: URL | string): readonly Line[] {
  return readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
}

main();
