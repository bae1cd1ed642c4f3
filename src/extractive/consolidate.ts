import { type Contender, choose } from "./budget.ts";
import { type Fact, factsOf } from "./facts.ts";
import { bullet, type Group, groupBlock, headOf, homeOf, taskLines } from "./group.ts";
import { allowedBy, readHandEdits } from "./hand-edits.ts";
import { type Project, projectsOf } from "./projects.ts";
import { readRawMemories } from "./raw-memories.ts";
import { partsOf, readSession } from "./session.ts";
import { spreadOf } from "./statement.ts";
import { summaryOf } from "./summary.ts";
import { tasksOf } from "./tasks.ts";
import { compare, latestFirst, readThreads, type SummaryFile } from "./thread.ts";

export interface ConsolidateInput {
  /** `raw_memories.md`. */
  readonly rawMemories: string;
  /** `rollout_summaries/*.md`: the only proof that a session exists. */
  readonly summaries: readonly SummaryFile[];
  /** `hand_edits.diff`, null where the person changed nothing. */
  readonly handEdits?: string | null;
  /** Bytes of MEMORY.md; default 60 KiB with some room for the person's own lines. */
  readonly memoryBytes?: number;
}

export interface Consolidated {
  readonly memory: string;
  readonly summary: string;
  readonly sessions: number;
  readonly projects: number;
  readonly groups: readonly Group[];
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
  const isAllowed = allowedBy(readHandEdits(input.handEdits ?? null));
  const groups = projectsOf(sessions)
    .map(groupOf)
    .map((group) => ({ ...group, facts: group.facts.filter(isAllowed) }))
    .filter(({ facts }) => facts.length > 0)
    .sort(byUse);
  const chosen = chosenFacts(groups, input.memoryBytes ?? MEMORY_BYTES);
  const shown = groups
    .map((group) => ({ ...group, facts: group.facts.filter((fact) => chosen.has(fact)) }))
    .filter(({ facts }) => facts.length > 0);
  const memory = shown.map((group) => groupBlock(group, () => true)).join("\n") || NOTHING_YET;
  return { memory, summary: summaryOf(shown), sessions: threads.length, projects: shown.length, groups };
}

export const NOTHING_YET = "No session has taught anything that is worth keeping yet.\n";

function groupOf(project: Project): Group {
  const spread = spreadOf(project.sessions.map(({ pieces }) => pieces));
  const parts = project.sessions.flatMap((session) => partsOf(session, spread));
  return { project, tasks: tasksOf(parts), facts: factsOf(parts) };
}

function chosenFacts(groups: readonly Group[], room: number): ReadonlySet<Fact> {
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
  return new Set([...choose(contenders, room)].map(({ fact }) => fact));
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
