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
import { allowedBy, type HandEdits, isHeadingRemoved, personsGroups, readHandEdits } from "./hand-edits.ts";
import { type Handbook, readHandbook } from "./handbook.ts";
import { partsOf, readSession } from "./session.ts";
import { type Skill, skillsOf } from "./skills.ts";
import { spreadOf } from "./statement.ts";
import { summaryOf } from "./summary.ts";
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
  const spread = spreadOf(project.sessions.map(({ pieces }) => pieces));
  const parts = project.sessions.flatMap((session) => partsOf(session, spread));
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
