import { splitReferences } from "../text/handbook.ts";
import { NOTHING_YET } from "../text/nothing-yet.ts";
import { type Contender, choose, type Fact, factsOf } from "./facts.ts";
import {
  bullet,
  type Group,
  groupBlock,
  headOf,
  homeOf,
  type Project,
  projectsOf,
  readIdentities,
  taskHeading,
  taskLines,
} from "./groups.ts";
import { type Handbook, readHandbook } from "./handbook.ts";
import { contradicts, likeness, type Meaning, meaningOf, outdates } from "./meaning.ts";
import { partsOf, readSession } from "./session.ts";
import { type Skill, skillsOf } from "./skills.ts";
import { echoesOf } from "./statement.ts";
import { type Named, summaryOf } from "./summary.ts";
import { tasksOf } from "./tasks.ts";
import { compare, latestFirst, readRawMemories, readThreads, type SummaryFile } from "./thread.ts";

export interface ConsolidateInput {
  /** `raw_memories.md`. */
  readonly rawMemories: string;
  /** `rollout_summaries/*.md`: the only proof that a session exists. */
  readonly summaries: readonly SummaryFile[];
  /** `hand_edits.diff`, null where the person changed nothing. */
  readonly handEdits?: string | null;
  /** `projects.json`: folder → identity of its repository, null where nothing is known. */
  readonly projects?: string | null;
  /** MEMORY.md as it is before the run; only the groups in which the person wrote are looked up in it. */
  readonly memory?: string | null;
  /** Bytes of MEMORY.md; default 60 KiB with some room for the person's own lines. */
  readonly memoryBytes?: number;
}

export interface Consolidated {
  readonly memory: string;
  readonly summary: string;
  readonly sessions: number;
  readonly projects: number;
  readonly groups: readonly Group[];
  readonly skills: readonly Skill[];
}

/** Room for MEMORY.md; 2 KiB below the limit of 60 KiB, for what the person adds. */
const MEMORY_BYTES = 58 * 1024;

/**
 * Folds the memories of all sessions into one handbook and its summary, without a model.
 *
 * The result depends on the sessions and the person's edits alone: not on the order of the files, nor on how many runs
 * it took to get there.
 */
export function consolidate(input: ConsolidateInput): Consolidated {
  const threads = readThreads(input.summaries);
  const memories = readRawMemories(input.rawMemories, threads);
  const sessions = [...threads]
    .sort((a, b) => a.started - b.started || latestFirst(b, a))
    .map((thread) => readSession(thread, memories.get(thread.id)));
  const edits = readHandEdits(input.handEdits ?? null);
  const isAllowed = allowedBy(edits);
  const before = readHandbook(input.memory ?? "");
  const all = projectsOf(sessions, readIdentities(input.projects ?? null))
    .map(groupOf)
    .filter(({ facts }) => facts.length > 0);
  const groups = all
    .map((group) => ({ ...group, facts: group.facts.filter(isAllowed) }))
    .filter(({ facts }) => facts.length > 0)
    .sort(byUse);
  const bare = all
    .filter(({ facts }) => !facts.some(isAllowed))
    .flatMap((group) => withoutStatements(group, edits, before));
  const bytes = (input.memoryBytes ?? MEMORY_BYTES) - bytesOf(bare.map(groupBlock));
  const chosen = chosenFacts(groups, bytes);
  const shown = groups
    .map((group) => ({ ...group, facts: group.facts.filter((fact) => chosen.has(fact)) }))
    .filter(({ facts }) => facts.length > 0);
  const blocks = [...shown, ...bare].sort(byUse).map(groupBlock);
  const memory = blocks.join("\n") || `${NOTHING_YET}\n`;
  const summary = summaryOf(shown, [...bare, ...personsGroups(before, edits, [...shown, ...bare])]);
  const skills = skillsOf(shown);
  return { memory, summary, sessions: threads.length, projects: blocks.length, groups, skills };
}

/**
 * The group of which the person took away or replaced every statement: its head and evidence stay, and what they wrote
 * has a place. None where they took away the group itself.
 */
function withoutStatements(group: Group, edits: HandEdits, before: Handbook): readonly Group[] {
  const { family } = group.project;
  const stands = before.groups.find((other) => other.family === family);
  if (stands === undefined && isHeadingRemoved(edits, `# Task Group: ${family}`)) return [];
  const homes = new Set(group.facts.map((fact) => homeOf(fact, group.tasks)));
  // Two groups may have tasks of one title, so what still stands in this one was not taken away.
  const tasks = group.tasks.filter(
    (task) =>
      homes.has(task) &&
      (stands?.tasks.some(({ title }) => title === task.title) ||
        !isHeadingRemoved(edits, taskHeading(task))),
  );
  return [{ ...group, tasks, facts: [] }];
}

function groupOf(project: Project): Group {
  const echoes = echoesOf(project.sessions.map(({ pieces }) => pieces));
  const parts = project.sessions.flatMap((session) => partsOf(session, echoes));
  return { project, tasks: tasksOf(parts), facts: factsOf(parts) };
}

function chosenFacts(groups: readonly Group[], bytes: number): ReadonlySet<Fact> {
  const contenders: Contender[] = groups.flatMap(({ project, tasks, facts }) => {
    const head = bytesOf(headOf(project)) + 120;
    return facts.map((fact) => {
      const home = homeOf(fact, tasks);
      const task = home === undefined ? 0 : bytesOf(taskLines(home));
      return {
        fact,
        bytes: bytesOf([bullet(fact, tasks.slice(0, 3))]),
        needs: [
          [project.family, head],
          [`${project.family}\n${home?.number}`, task],
        ],
      };
    });
  });
  return new Set([...choose(contenders, bytes)].map(({ fact }) => fact));
}

function bytesOf(lines: readonly string[]): number {
  return lines.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0);
}

/** Projects with many sessions first, by powers of two so that places rarely change; then the older one. */
function byUse({ project: a }: Group, { project: b }: Group): number {
  const size = ({ sessions }: Project) => Math.floor(Math.log2(sessions.length));
  const started = ({ sessions }: Project) => sessions[0]?.thread.started ?? 0;
  return size(b) - size(a) || started(a) - started(b) || compare(a.family, b.family);
}

/** Lines of the memory that the person wrote, and generated ones that they took away. */
export interface HandEdits {
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

/** Reads `hand_edits.diff`, which the host lays into the workspace; lines lose their bullet and task references. */
export function readHandEdits(diff: string | null): HandEdits {
  const added: string[] = [];
  const removed: string[] = [];
  for (const line of (diff ?? "").split("\n")) {
    if (line.startsWith("+++ ") || line.startsWith("--- ")) continue;
    const text = plainBullet(line.slice(1));
    if (text === "") continue;
    if (line.startsWith("+")) added.push(text);
    else if (line.startsWith("-")) removed.push(text);
  }
  return { added, removed };
}

/** Same meaning from here on, for words of the person beside words of a session. */
const SAME_FROM = 0.6;

/**
 * Whether a fact may still be printed: the person has not deleted it, does not say the same, and does not say the
 * contrary.
 */
export function allowedBy({ added, removed }: HandEdits): (fact: Fact) => boolean {
  if (added.length + removed.length === 0) return () => true;
  const gone = new Set(removed);
  const addedLines = new Set(added);
  const meanings = added.map((text) => ({ text, meaning: meaningOf(text) }));
  const removedMeanings = removed.map(meaningOf);
  return ({ text }) => {
    if (gone.has(text) || addedLines.has(text)) return false;
    const own = meaningOf(text);
    if (removedMeanings.some((meaning) => likeness(meaning, own) >= 0.9)) return false;
    return !meanings.some(({ meaning }) => isSilenced(own, meaning));
  };
}

function isSilenced(own: Meaning, persons: Meaning): boolean {
  return likeness(persons, own) >= SAME_FROM || contradicts(persons, own) || outdates(persons, own);
}

/** Whether the person took away this heading; the number of a task does not matter. */
export function isHeadingRemoved({ removed }: HandEdits, heading: string): boolean {
  const plain = (text: string) => text.replace(/^## Task \d+/, "## Task");
  return removed.some((line) => plain(line) === plain(heading));
}

/** Groups of the handbook that stay because the person wrote in them, although no session's statement stands there. */
export function personsGroups(
  handbook: Handbook,
  { added }: HandEdits,
  others: readonly Group[],
): readonly Named[] {
  if (added.length === 0) return [];
  const own = new Set(added);
  const families = new Set(others.map(({ project }) => project.family));
  const folders = new Set(others.flatMap(({ project }) => project.folders));
  return handbook.groups
    .filter(({ family, cwd }) => family !== "" && !families.has(family) && !folders.has(cwd ?? "/"))
    .filter(({ text }) => text.split("\n").some((line) => own.has(plainBullet(line))))
    .map(({ family, cwd }) => ({ project: { family, folders: cwd === null ? [family] : [cwd] }, tasks: [] }));
}

function plainBullet(line: string): string {
  return splitReferences(line.replace(/^\s*[-*+] /, ""))
    .text.replace(/ \(\d{4}-\d\d-\d\d\)$/, "")
    .trim();
}
