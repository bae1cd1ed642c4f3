import { withoutShapedSecrets } from "../text/secret-shapes.ts";
import { type Carried, carriedFrom, isOurs, isUnchanged } from "./carry.ts";
import { type Fact, factsOf } from "./facts.ts";
import { cutAtWord } from "./fit.ts";
import { type Group, kinds, kindTitles, noProject } from "./handbook.ts";
import type { Kind } from "./sections.ts";
import type { Part } from "./session.ts";
import { type Task, tasksOf } from "./tasks.ts";
import type { Thread } from "./thread.ts";

/** One project and everything its sessions left. */
export interface Project {
  readonly cwd: string;
  readonly family: string;
  /** Latest first. */
  readonly threads: readonly Thread[];
  readonly parts: readonly Part[];
}

/** Statements of each kind a group shows: some, and more for each session, up to a limit. */
const room: Readonly<Record<Kind, { readonly least: number; readonly each: number; readonly most: number }>> =
  {
    preference: { least: 8, each: 2, most: 60 },
    knowledge: { least: 12, each: 4, most: 150 },
    failure: { least: 8, each: 2, most: 80 },
  };

/**
 * The block of a project at a scale: its own bytes when nothing it was made from has changed, else made anew around the
 * user's words. At a smaller scale it shows fewer statements and shorter citations.
 */
export function groupBlock(project: Project, base: Group | null): (scale: number) => string {
  const same = base !== null && isUnchanged(base, project.threads) ? withoutShapedSecrets(base.text) : null;
  let made: ((scale: number) => string) | null = null;
  return (scale) => {
    if (same !== null && scale === 1) return same;
    made ??= madeAnew(project, base);
    return made(scale);
  };
}

function madeAnew(project: Project, base: Group | null): (scale: number) => string {
  const carried = base === null ? [] : carriedFrom(base, project.threads, project.parts);
  const tasks = tasksOf(project.parts).map((task) => asBefore(task, base));
  const facts = factsOf(project.parts);
  const numbers = new Map(tasks.flatMap((task, at) => task.parts.map((part) => [part, at + 1] as const)));
  return (scale) => {
    const lines = [`# Task Group: ${project.family}`, scopeLine(project), appliesLine(project.cwd)];
    tasks.forEach((task, at) => {
      lines.push("", `## Task ${at + 1}: ${task.title}`, "", "### rollout_summary_files", "");
      lines.push(...task.threads.map((thread) => citation(thread, scale)));
      lines.push("", "### keywords", "", `- ${task.keywords.slice(0, scale < 0.1 ? 3 : 99).join(", ")}`);
    });
    for (const kind of kinds)
      lines.push(...section(kind, facts, carried, tasks, numbers, project.threads.length, scale));
    for (const foreign of base !== null && isOurs(base) ? base.foreign : []) lines.push("", foreign);
    return `${lines.join("\n")}\n`;
  };
}

/** A group none of whose sessions is left: what the user wrote in it, or nothing. */
export function orphanBlock(base: Group): string | null {
  if (base.cwd === null) return citesSessions(base.text) ? null : withoutShapedSecrets(base.text);
  if (!isOurs(base)) return null;
  const carried = carriedFrom(base, [], []);
  if (carried.length === 0 && base.foreign.length === 0) return null;
  const lines = [
    `# Task Group: ${base.family}`,
    "scope: notes written by hand; the sessions of this project are gone",
    appliesLine(base.cwd),
  ];
  for (const kind of kinds) lines.push(...section(kind, [], carried, [], new Map(), 0, 1));
  for (const foreign of base.foreign) lines.push("", foreign);
  return `${lines.join("\n")}\n`;
}

/** Text that names sessions was made from them, and has no place once they are gone or regrouped. */
export function citesSessions(text: string): boolean {
  return /\brollout_summaries\/|\bthread_id=/.test(text);
}

function section(
  kind: Kind,
  facts: readonly Fact[],
  carried: readonly Carried[],
  tasks: readonly Task[],
  numbers: ReadonlyMap<Part, number>,
  sessions: number,
  scale: number,
): readonly string[] {
  const byHand = carried
    .filter((item) => item.kind === kind)
    .map(({ text, threadIds }) => {
      const refs = tasks.flatMap((task, at) =>
        task.threads.some((thread) => threadIds.has(thread.id)) ? [at + 1] : [],
      );
      return bullet(text, refs);
    });
  const shown = strongest(
    facts.filter((fact) => fact.kind === kind),
    Math.max(1, Math.round(Math.min(room[kind].most, room[kind].least + room[kind].each * sessions) * scale)),
  );
  const told = shown.map((fact) =>
    bullet(
      fact.text,
      fact.parts.map((part) => numbers.get(part) ?? 0),
    ),
  );
  return byHand.length + told.length === 0 ? [] : ["", `## ${kindTitles[kind]}`, "", ...byHand, ...told];
}

/** Of facts said once, the worthier ones; shown in rank order. */
function strongest(ranked: readonly Fact[], most: number): readonly Fact[] {
  const byWorth = [...ranked].sort(
    (a, b) => b.recurrence - a.recurrence || b.worth - a.worth || b.time - a.time,
  );
  const chosen = new Set(byWorth.slice(0, most));
  return ranked.filter((fact) => chosen.has(fact));
}

function bullet(text: string, tasks: readonly number[]): string {
  const refs = [...new Set(tasks)].filter((number) => number > 0).sort((a, b) => a - b);
  return `- ${text}${refs.length === 0 ? "" : ` ${refs.map((number) => `[Task ${number}]`).join("")}`}`;
}

/** Title and keywords of a task stay what they were while its sessions are the same. */
function asBefore(task: Task, base: Group | null): Task {
  const ids = new Set(task.threads.map((thread) => thread.id));
  const before = base?.tasks.find(
    (entry) =>
      entry.citations.length === ids.size && entry.citations.every(({ threadId }) => ids.has(threadId)),
  );
  return before === undefined || before.title === ""
    ? task
    : { ...task, title: before.title, keywords: before.keywords };
}

function citation({ file, cwd, rolloutPath, updatedAt, id }: Thread, scale: number): string {
  const where = scale < 0.1 ? cutAtWord(cwd, 120) : `${cwd}, rollout_path=${rolloutPath}`;
  return `- rollout_summaries/${file} (cwd=${where}, updated_at=${updatedAt}, thread_id=${id})`;
}

function scopeLine({ cwd, threads }: Project): string {
  const days = threads.map((thread) => thread.updatedAt.slice(0, 10));
  const [last = "", first = last] = [days[0], days.at(-1)];
  const span = first === last ? last : `${first} to ${last}`;
  const what = threads.length === 1 ? "one session" : `${threads.length} sessions`;
  return `scope: what ${what} in ${cwd === "" ? "no known folder" : cwd} taught (${span})`;
}

function appliesLine(cwd: string): string {
  if (cwd === "")
    return `applies_to: cwd=${noProject}; reuse_rule=check that it fits before use, the folder of these sessions is not known`;
  return `applies_to: cwd=${cwd}; reuse_rule=safe in this folder and checkouts of the same project; elsewhere only what is not about this code`;
}
