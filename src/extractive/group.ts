import type { Fact } from "./facts.ts";
import { kinds, kindTitles, noProject } from "./handbook.ts";
import type { Project } from "./projects.ts";
import type { Task } from "./tasks.ts";
import type { Thread } from "./thread.ts";

/** A project with what its sessions agree on. */
export interface Group {
  readonly project: Project;
  readonly tasks: readonly Task[];
  readonly facts: readonly Fact[];
}

/** Citations of a task that are printed; the sessions before them are counted. */
const MOST_CITATIONS = 3;
const MOST_FOLDERS = 12;
const MOST_REFERENCES = 3;

/** The block of a group; with facts, only tasks that one of them comes from are listed. */
export function groupBlock({ project, tasks, facts }: Group): string {
  const listed = new Set(facts.length === 0 ? tasks : facts.map((fact) => homeOf(fact, tasks)));
  const lines = headOf(project);
  for (const task of tasks) if (listed.has(task)) lines.push(...taskLines(task));
  for (const kind of kinds) {
    const own = facts.filter((fact) => fact.kind === kind);
    if (own.length === 0) continue;
    lines.push("", `## ${kindTitles[kind]}`, "");
    lines.push(
      ...own.map((fact) =>
        bullet(
          fact,
          tasksOfFact(fact, tasks).filter((task) => listed.has(task)),
        ),
      ),
    );
  }
  return `${lines.join("\n")}\n`;
}

/** The task that a fact can't be shown without: that of the session that said it first. */
export function homeOf(fact: Fact, tasks: readonly Task[]): Task | undefined {
  return tasksOfFact(fact, tasks)[0];
}

function tasksOfFact(fact: Fact, tasks: readonly Task[]): readonly Task[] {
  const parts = new Set(fact.parts);
  return tasks.filter((task) => task.parts.some((part) => parts.has(part)));
}

export function headOf({ family, folders, sessions }: Project): string[] {
  return [`# Task Group: ${family}`, scopeLine(folders, sessions), appliesLine(folders)];
}

export function taskHeading({ number, title }: Task): string {
  return `## Task ${number}: ${title}`;
}

export function taskLines(task: Task): readonly string[] {
  const { keywords, threads } = task;
  const shown = threads.slice(-MOST_CITATIONS);
  const hidden = threads.slice(0, -MOST_CITATIONS);
  const [first, last] = [hidden[0], hidden.at(-1)];
  const more =
    first === undefined || last === undefined
      ? []
      : [`- and ${hidden.length} more, ${dayOf(first.started)} to ${dayOf(last.time)}`];
  return [
    "",
    taskHeading(task),
    "",
    "### rollout_summary_files",
    "",
    ...shown.map(citation),
    ...more,
    "",
    "### keywords",
    "",
    `- ${keywords.join(", ")}`,
  ];
}

function citation({ file, id, started, time }: Thread): string {
  const [from, to] = [dayOf(started), dayOf(time)];
  const span = from === to ? `updated_at=${to}` : `started=${from}, updated_at=${to}`;
  return `- rollout_summaries/${file} (${span}, thread_id=${id})`;
}

export function bullet({ text, kind, lastConfirmed }: Fact, tasks: readonly Task[]): string {
  // Numbers age, so they carry the day on which they were last said.
  const date = kind === "knowledge" && /(?<![\p{L}\d])\d/u.test(text) ? ` (${dayOf(lastConfirmed)})` : "";
  const references = tasks.slice(0, MOST_REFERENCES).map(({ number }) => `[Task ${number}]`);
  return `- ${text}${date}${references.length === 0 ? "" : ` ${references.join("")}`}`;
}

/** `YYYY-MM-DD` of milliseconds. */
export function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

function scopeLine(folders: readonly string[], sessions: Project["sessions"]): string {
  const days = sessions.map(({ thread }) => thread.updatedAt.slice(0, 10)).sort();
  const [first = "", last = first] = [days[0], days.at(-1)];
  const span = first === last ? last : `${first} to ${last}`;
  const what = sessions.length === 1 ? "one session" : `${sessions.length} sessions`;
  return `scope: what ${what} in ${folders[0] === "" ? "no known folder" : folders[0]} taught (${span})`;
}

function appliesLine(folders: readonly string[]): string {
  if (folders[0] === "")
    return `applies_to: cwd=${noProject}; reuse_rule=check that it fits before use, the folder of these sessions is not known`;
  const shown = folders.slice(0, MOST_FOLDERS).join(", ");
  return `applies_to: cwd=${shown}; reuse_rule=safe in these folders and checkouts of the same project; elsewhere only what is not about this code`;
}
