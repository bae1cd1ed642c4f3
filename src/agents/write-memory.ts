import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** One session that a memory is made from, as the workspace holds it. */
export interface SessionSummary {
  /** Name of its file in `rollout_summaries/`, by which a task names it. */
  readonly file: string;
  readonly threadId: string;
  /** RFC 3339, as in the file. */
  readonly updatedAt: string;
  /** The folder that the session worked in; empty when it is not known. */
  readonly cwd: string;
  /** The summary itself, without its head. */
  readonly text: string;
}

/** One thing worth knowing, as one line. */
export interface MemoryStatement {
  readonly text: string;
  /** Numbers of the tasks of its group that it comes from, from 1 on; absent: all of them. */
  readonly tasks?: readonly number[];
}

export interface MemoryTask {
  readonly title: string;
  /** Names of files in `rollout_summaries/`; at least one. */
  readonly summaries: readonly string[];
  readonly keywords?: readonly string[];
}

/** Tasks that belong together: of one project, say. */
export interface MemoryGroup {
  /** Unique in the memory. */
  readonly name: string;
  /** What the group is about, as one line. */
  readonly scope: string;
  /** Where it applies; absent: everywhere. */
  readonly cwd?: string;
  readonly tasks: readonly MemoryTask[];
  /** What the user wants. */
  readonly preferences?: readonly MemoryStatement[];
  /** What holds and can be used again. */
  readonly knowledge?: readonly MemoryStatement[];
}

/**
 * The sessions in a workspace, by file name.
 *
 * @example
 * ```ts
 * const sessions = await readSummaries(workspace);
 * const byFolder = Map.groupBy(sessions, ({ cwd }) => cwd);
 * ```
 */
export async function readSummaries(workspace: string): Promise<readonly SessionSummary[]> {
  const folder = join(workspace, "rollout_summaries");
  const names = (await readdir(folder)).filter((name) => name.endsWith(".md")).sort();
  return Promise.all(
    names.map(async (file) => parseSummary(file, await readFile(join(folder, file), "utf8"))),
  );
}

/**
 * Writes `MEMORY.md` and `memory_summary.md` of a workspace in the format that the gate demands
 * (`docs/memory-format.md`). Replaces both, so carry over what the memory held before. White space in a text is
 * written as one space. Rejects when a group has no task, or a task no summary.
 *
 * @example
 * ```ts
 * const agent = functionAgent(async ({ workspace }) => {
 *   const sessions = await readSummaries(workspace);
 *   await writeMemory(workspace, [
 *     {
 *       name: "shop",
 *       scope: "work on the shop",
 *       tasks: [{ title: "whatever was done", summaries: sessions.map(({ file }) => file) }],
 *       preferences: [{ text: "keep answers short" }],
 *     },
 *   ]);
 * });
 * ```
 */
export async function writeMemory(workspace: string, groups: readonly MemoryGroup[]): Promise<void> {
  await writeFile(join(workspace, "MEMORY.md"), groups.map(formatGroup).join("\n"));
  await writeFile(join(workspace, "memory_summary.md"), formatIndex(groups));
}

function parseSummary(file: string, text: string): SessionSummary {
  const end = text.indexOf("\n\n");
  const head = end < 0 ? text : text.slice(0, end);
  const headOf = (name: string) => new RegExp(`^${name}: ?(.*)$`, "m").exec(head)?.[1] ?? "";
  return {
    file,
    threadId: headOf("thread_id"),
    updatedAt: headOf("updated_at"),
    cwd: headOf("cwd"),
    text: end < 0 ? "" : text.slice(end + 2),
  };
}

function formatGroup(group: MemoryGroup): string {
  const { name, scope, cwd, tasks, preferences = [], knowledge = [] } = group;
  if (tasks.length === 0) throw new TypeError(`The group "${name}" has no task.`);
  const reuse =
    cwd === undefined || cwd === "" ? "reuse_rule=safe anywhere" : "reuse_rule=safe in this checkout";
  const statements = (title: string, all: readonly MemoryStatement[]) =>
    all.length === 0 ? [] : ["", `## ${title}`, ...all.map((statement) => formatStatement(statement, group))];
  const lines = [
    `# Task Group: ${oneLine(name)}`,
    `scope: ${oneLine(scope)}`,
    `applies_to: cwd=${cwd === undefined || cwd === "" ? "any" : oneLine(cwd)}; ${reuse}`,
    ...tasks.flatMap((task, at) => formatTask(task, at + 1, group)),
    ...statements("User preferences", preferences),
    ...statements("Reusable knowledge", knowledge),
  ];
  return `${lines.join("\n")}\n`;
}

function formatTask({ title, summaries, keywords = [] }: MemoryTask, number: number, group: MemoryGroup) {
  if (summaries.length === 0) throw new TypeError(`The task "${title}" names no summary.`);
  const where = group.cwd === undefined || group.cwd === "" ? "" : ` (cwd=${oneLine(group.cwd)})`;
  return [
    "",
    `## Task ${number}: ${oneLine(title)}`,
    "### rollout_summary_files",
    ...summaries.map((file) => `- rollout_summaries/${file}${where}`),
    "### keywords",
    `- ${(keywords.length === 0 ? [group.name] : keywords).map(oneLine).join(", ")}`,
  ];
}

function formatStatement({ text, tasks }: MemoryStatement, group: MemoryGroup): string {
  const numbers = tasks ?? group.tasks.map((_, at) => at + 1);
  return `- ${oneLine(text)} ${numbers.map((number) => `[Task ${number}]`).join("")}`;
}

/** What every session loads: the preferences, and which groups there are. */
function formatIndex(groups: readonly MemoryGroup[]): string {
  const preferences = [
    ...new Set(groups.flatMap((group) => (group.preferences ?? []).map(({ text }) => oneLine(text)))),
  ];
  const lines = [
    "v1",
    ...(preferences.length === 0
      ? []
      : ["", "## User preferences", ...preferences.map((text) => `- ${text}`)]),
    "",
    "## What's in Memory",
    ...groups.map(({ name, scope }) => `- ${oneLine(name)}: ${oneLine(scope)}`),
  ];
  return `${lines.join("\n")}\n`;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}
