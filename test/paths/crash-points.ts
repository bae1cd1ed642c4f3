import { edgeCover } from "./edge-cover.ts";
import type { Edge, Graph, Path } from "./graph.ts";
import type { Crash } from "./walk.ts";

export interface CrashPoint {
  readonly path: Path;
  readonly crash: Crash;
}

/** Every step of every path, each with both crashes. */
export function everyCrash(paths: readonly Path[]): readonly CrashPoint[] {
  return paths.flatMap((path) =>
    path.flatMap((_, at) => [
      { path, crash: { at, when: "after" } as const },
      { path, crash: { at, when: "lost" } as const },
    ]),
  );
}

/** Every edge of the graph once, each with both crashes, on the shortest path that walks it. */
export function oneCrashPerEdge(graph: Graph): readonly CrashPoint[] {
  return shortestCrashes(graph, (edge) => edge);
}

/** Every happening in every state once: the same edge from the same state with another history counts as one. */
export function oneCrashPerStep(graph: Graph): readonly CrashPoint[] {
  return shortestCrashes(graph, ({ from, name }) => `${graph.vertices.get(from)?.value} ${name}`);
}

function shortestCrashes(graph: Graph, kindOf: (edge: Edge) => unknown): readonly CrashPoint[] {
  const shortest = new Map<unknown, CrashPoint>();
  const paths = [...edgeCover(graph)].sort((a, b) => a.length - b.length);
  for (const path of paths) {
    path.forEach((edge, at) => {
      const kind = kindOf(edge);
      if (!shortest.has(kind)) shortest.set(kind, { path, crash: { at, when: "after" } });
    });
  }
  return [...shortest.values()].flatMap(({ path, crash: { at } }) => [
    { path, crash: { at, when: "after" } as const },
    { path, crash: { at, when: "lost" } as const },
  ]);
}

export function crashName({ path, crash: { at, when } }: CrashPoint): string {
  const names = path.map(({ name }) => name);
  const before = names.slice(0, at + (when === "after" ? 1 : 0));
  const effect = when === "lost" ? ` → (${names[at]} done, not committed)` : "";
  return `${before.join(" → ")}${effect} ✝ → ${names.slice(before.length).join(" → ")}`;
}
