import { withoutShapedSecrets } from "../text/secret-shapes.ts";
import { citesSessions, groupBlock, orphanBlock, type Project } from "./group.ts";
import { type Handbook, readHandbook } from "./handbook.ts";
import { projectsOf } from "./projects.ts";
import { readRawMemories } from "./raw-memories.ts";
import { summaryOf } from "./summary.ts";
import { latestFirst, readThreads, type SummaryFile } from "./thread.ts";

export interface ConsolidateInput {
  /** `raw_memories.md`. */
  readonly rawMemories: string;
  /** `rollout_summaries/*.md`: the only proof that a session exists. */
  readonly summaries: readonly SummaryFile[];
  /** `MEMORY.md` and `memory_summary.md` of the base, null where there is none. */
  readonly memory: string | null;
  readonly summary: string | null;
}

export interface Consolidated {
  readonly memory: string;
  readonly summary: string;
  readonly sessions: number;
  readonly projects: number;
}

/**
 * Folds the memories of all sessions into one handbook and its summary, without a model.
 *
 * Same input, same bytes, whatever the order of the files. Groups whose sessions are those of the base keep their bytes;
 * what only removed sessions supported is gone; what the user wrote into the base stays.
 */
export function consolidate(input: ConsolidateInput): Consolidated {
  const threads = readThreads(input.summaries);
  const base = readHandbook(input.memory === nothingYet ? "" : (input.memory ?? ""));
  const projects = projectsOf(threads, readRawMemories(input.rawMemories, threads), base);
  const memory = handbookOf(projects, base);
  return {
    memory,
    summary: summaryOf(readHandbook(memory), input.summary),
    sessions: threads.length,
    projects: projects.length,
  };
}

/**
 * Bytes of the handbook, sessions' citations aside: past this, groups show fewer statements, in the end one of each kind.
 * The citations come on top, one line a session, because no session may vanish unsaid.
 */
export const handbookBytes = 256 * 1024;
/** With the citations, which are shortened last. */
const citedBytes = 1_500 * 1024;

function handbookOf(projects: readonly Project[], base: Handbook): string {
  const ranked = [...projects].sort(byFreshness);
  const byFolder = new Map(
    base.groups.flatMap((group) => (group.cwd === null ? [] : [[group.cwd, group] as const])),
  );
  const here = new Set(projects.map((project) => project.cwd));
  const orphans = base.groups.flatMap((group) =>
    group.cwd !== null && here.has(group.cwd) ? [] : (orphanBlock(group) ?? []),
  );
  const groups = ranked.map((project) => groupBlock(project, byFolder.get(project.cwd) ?? null));
  const preamble =
    base.preamble === "" || citesSessions(base.preamble) ? [] : [`${withoutShapedSecrets(base.preamble)}\n`];
  let text = "";
  for (const scale of [1, 0.5, 0.25, 0.08, 0.02]) {
    const blocks = groups.map((group) => group(scale));
    text = [...preamble, ...blocks, ...orphans].join("\n");
    const all = Buffer.byteLength(text);
    if (all <= citedBytes && all - citationBytes(text) <= handbookBytes) break;
  }
  return text === "" ? nothingYet : text;
}

function citationBytes(text: string): number {
  return text
    .split("\n")
    .reduce(
      (sum, line) => sum + (line.startsWith("- rollout_summaries/") ? Buffer.byteLength(line) + 1 : 0),
      0,
    );
}

const nothingYet = "No session has been remembered yet.\n";

function byFreshness(a: Project, b: Project): number {
  const [x, y] = [a.threads[0], b.threads[0]];
  return x === undefined || y === undefined ? 0 : latestFirst(x, y);
}
