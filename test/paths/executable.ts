import type { Phase2Context } from "../../src/machines/words.ts";
import { edgeCover } from "./edge-cover.ts";
import { type Graph, type Path, phase2Graph } from "./graph.ts";
import type { Beginning } from "./world/template.ts";

/**
 * The graph without what the real actors can't do in a world that hangs together: nobody speaks who was stopped or
 * has not begun, a base that was there stays, and an agent says only once per turn that it is running. Those edges
 * are walked with scripted actors.
 */
export function executableGraph(base: "on a base" | "first of the space" = "on a base"): Graph {
  const other = base === "on a base" ? "first of the space" : "on a base";
  return phase2Graph(({ name }, snapshot) => {
    const alive = Object.keys(snapshot.children);
    const { agentStatus, restarts } = snapshot.context as Phase2Context;
    // Whether it is a dry run is decided by who starts it, not by the store.
    if (name === "claimJob: claimed for a dry run") return false;
    if (name.startsWith("lease.")) return alive.includes("keepLease");
    if (name === "budget.reached") return alive.includes("keepDeadline");
    if (name === "agent.running") return agentStatus !== "running";
    // The base of a run that began again was not unchanged before.
    if (name === "syncRawMemories: unchanged") return base === "on a base" && restarts === 0;
    return name !== `syncSummaries: ${other}`;
  });
}

/**
 * The edge cover of that graph. In a space without a base only the steps that have to do with it: before the base is
 * read all is the same, and of what follows each happening once.
 */
export function executablePaths(base: "on a base" | "first of the space"): {
  readonly graph: Graph;
  readonly paths: readonly Path[];
} {
  const graph = executableGraph(base);
  const cover = edgeCover(graph);
  if (base === "on a base") return { graph, paths: cover };
  const walked = new Set<string>();
  const paths = cover.filter((path) => {
    if (beginningOf(path) !== "first") return false;
    const news = path.map(({ name }) => name).filter((name) => !walked.has(name));
    for (const name of news) walked.add(name);
    return news.length > 0;
  });
  return { graph, paths };
}

/** How the space must stand for this path. */
export function beginningOf(path: Path): Beginning {
  const names = new Set(path.map(({ name }) => name));
  if (names.has("syncSummaries: first of the space")) return "first";
  return names.has("syncRawMemories: unchanged") ? "unchanged" : "changed";
}
