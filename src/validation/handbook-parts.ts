/** MEMORY.md as the gate reads it: what stands on which line, nothing else of its meaning. Lines count from 1. */
export interface GroupPart {
  readonly line: number;
  readonly family: string;
  /** The whole block, its own heading included. */
  readonly text: string;
  readonly scope: boolean;
  /** What `applies_to: cwd=` names; null when there is no such line. */
  readonly cwd: string | null;
  readonly tasks: readonly TaskPart[];
  /** Bullets outside tasks: what the memory says. */
  readonly statements: readonly StatementPart[];
}

export interface TaskPart {
  readonly line: number;
  readonly number: number;
  readonly keywords: readonly string[];
  readonly citations: readonly CitationPart[];
}

/** A bullet under `### rollout_summary_files` that begins with the path of a summary file: the only form of a reference. */
export interface CitationPart {
  readonly line: number;
  /** `rollout_summaries/<file>.md`, as written. */
  readonly path: string;
  /** What follows the path; an id in it is compared whole, since ids may hold spaces, commas and brackets. */
  readonly rest: string;
}

export interface StatementPart {
  readonly line: number;
  readonly text: string;
  /** Numbers of the tasks it refers to; none: somebody wrote it by hand. */
  readonly tasks: readonly number[];
}

export function groupsIn(text: string): readonly GroupPart[] {
  const lines = text.split(/\r?\n/);
  const starts = lines.flatMap((line, at) => (/^# Task Group:/.test(line) ? [at] : []));
  return starts.map((start, n) => groupOf(lines.slice(start, starts[n + 1] ?? lines.length), start + 1));
}

interface OpenTask {
  readonly line: number;
  readonly number: number;
  readonly keywords: string[];
  readonly citations: CitationPart[];
}

function groupOf(lines: readonly string[], first: number): GroupPart {
  const tasks: OpenTask[] = [];
  const statements: StatementPart[] = [];
  let task: OpenTask | null = null;
  let part = "";
  lines.forEach((line, at) => {
    const heading = /^##\s+(.*)$/.exec(line);
    if (heading !== null) {
      const number = /^Task (\d{1,6})\b/.exec(heading[1] ?? "")?.[1];
      task = number === undefined ? null : openTask(first + at, Number(number));
      if (task !== null) tasks.push(task);
      part = "";
      return;
    }
    if (line.startsWith("### ")) part = line.slice(4).trim();
    if (!line.startsWith("- ")) return;
    const bullet = line.slice(2).trim();
    if (task === null) statements.push(statement(bullet, first + at));
    else if (part === "rollout_summary_files") task.citations.push(...citations(bullet, first + at));
    else if (part === "keywords") task.keywords.push(...bullet.split(",").map((word) => word.trim()));
  });
  const head = lines.slice(0, Math.max(1, firstSection(lines)));
  return {
    line: first,
    family: (lines[0] ?? "").replace(/^# Task Group:\s*/, "").trim(),
    text: lines.join("\n"),
    scope: head.some((line) => /^scope:\s*\S/.test(line)),
    cwd: head.map((line) => /^applies_to:\s*cwd=([^;]*)/.exec(line)?.[1]?.trim()).find(Boolean) ?? null,
    tasks: tasks.map((open) => ({ ...open, keywords: open.keywords.filter((word) => word !== "") })),
    statements,
  };
}

function openTask(line: number, number: number): OpenTask {
  return { line, number, keywords: [], citations: [] };
}

function firstSection(lines: readonly string[]): number {
  const at = lines.findIndex((line) => line.startsWith("## "));
  return at < 0 ? lines.length : at;
}

const CITATION = /^[`"'[<(]{0,2}(rollout_summaries\/\S*?\.md)(?=$|[\s`"')\]>(,;:])(.*)$/;

function citations(bullet: string, line: number): readonly CitationPart[] {
  const [, path, rest = ""] = CITATION.exec(bullet) ?? [];
  return path === undefined ? [] : [{ line, path, rest }];
}

/** References stand at the end of a bullet; a text may speak of `[Task 9]` in its middle. */
const TASK_REFERENCES = /(?:\s*\[Task \d{1,6}\])+$/;

function statement(bullet: string, line: number): StatementPart {
  const references = TASK_REFERENCES.exec(bullet)?.[0] ?? "";
  const tasks = [...references.matchAll(/\d+/g)].map((match) => Number(match[0]));
  return { line, text: bullet.slice(0, bullet.length - references.length), tasks };
}
