import type { Phase2Context } from "../../src/machines/context.ts";
import { edgeCover } from "./edge-cover.ts";
import { type Edge, type Graph, type Path, phase2Graph } from "./graph.ts";
import type { Beginning } from "./world/template.ts";

/**
 * The graph without what the real actors can't do in a world that hangs together: nobody speaks who was stopped or
 * has not begun, a base that was there stays, and an agent says only once per turn that it is running. Those edges
 * are walked with scripted actors.
 */
export function executableGraph(kind: Kind = "on a base"): Graph {
  const otherBase = kind === "first of the space" ? "on a base" : "first of the space";
  const otherClaim = kind === "as a dry run" ? "claimed" : "claimed for a dry run";
  return phase2Graph(({ name }, snapshot) => {
    const alive = Object.keys(snapshot.children);
    const { agentStatus, restarts } = snapshot.context as Phase2Context;
    // Whether it is a dry run is decided by who starts it, not by the store.
    if (name === `claimJob: ${otherClaim}`) return false;
    if (name.startsWith("lease.")) return alive.includes("keepLease");
    if (name === "budget.reached") return alive.includes("keepDeadline");
    if (name === "agent.running") return agentStatus !== "running";
    // The base of a run that began again was not unchanged before.
    if (name === "syncRawMemories: unchanged") return kind !== "first of the space" && restarts === 0;
    return name !== `syncSummaries: ${otherBase}`;
  });
}

/** The claim of a run that is to be tried only. */
export const DRY_CLAIM = "claimJob: claimed for a dry run";

/** How a run goes about it; the first is walked in full. */
export type Kind = "on a base" | "first of the space" | "as a dry run";

export const KINDS: readonly Kind[] = ["on a base", "first of the space", "as a dry run"];

/**
 * The edge cover of that graph. In a space without a base, and in a dry run, only what has to do with it: until it is
 * known all is the same, and of what follows each happening in each state once.
 */
export function executablePaths(kind: Kind): {
  readonly graph: Graph;
  readonly paths: readonly Path[];
} {
  const graph = executableGraph(kind);
  const cover = edgeCover(graph);
  if (kind === "on a base") return { graph, paths: cover };
  const mark = kind === "first of the space" ? "syncSummaries: first of the space" : DRY_CLAIM;
  const stepOf = (edge: Edge) => `${graph.vertices.get(edge.from)?.value} ${edge.name}`;
  return { graph, paths: pathsToSeeOnce(cover, afterMark(mark), stepOf) };
}

/** Of those paths the ones in which each happening of each state leads once to each state and status that it can lead to. */
export function pathsOfEachStep(kind: Kind): ReturnType<typeof executablePaths> {
  const { graph, paths } = executablePaths(kind);
  const stepOf = ({ from, name, to }: Edge) => {
    const next = graph.vertices.get(to);
    const { status } = (next?.snapshot.context ?? {}) as Partial<Phase2Context>;
    return `${graph.vertices.get(from)?.value} ${name} ${next?.value} ${status}`;
  };
  return { graph, paths: pathsToSeeOnce(paths, (path) => path, stepOf) };
}

/** The paths that bring a step which none before them brings. */
function pathsToSeeOnce(
  paths: readonly Path[],
  counted: (path: Path) => Path,
  stepOf: (edge: Edge) => string,
): readonly Path[] {
  const seen = new Set<string>();
  return paths.filter((path) => {
    const news = counted(path)
      .map(stepOf)
      .filter((step) => !seen.has(step));
    for (const step of news) seen.add(step);
    return news.length > 0;
  });
}

function afterMark(mark: string): (path: Path) => Path {
  return (path) => {
    const from = path.findIndex(({ name }) => name === mark);
    return from < 0 ? [] : path.slice(from);
  };
}

/** How the space must stand for this path. */
export function beginningOf(path: Path): Beginning {
  const names = new Set(path.map(({ name }) => name));
  if (names.has("syncSummaries: first of the space")) return "first";
  return names.has("syncRawMemories: unchanged") ? "unchanged" : "changed";
}
