import { edgeCover } from "./edge-cover.ts";
import type { Graph, Path } from "./graph.ts";
import type { Crash } from "./walk.ts";

export interface CrashPoint {
  readonly path: Path;
  readonly crash: Crash;
}

/** Every step of a path, each with both crashes. */
export function everyCrash(path: Path): readonly Crash[] {
  return path.flatMap((_, at) => [{ at, when: "after" } as const, { at, when: "lost" } as const]);
}

/** Every happening in every state once: the same edge from the same state with another history counts as one. */
export function oneCrashPerStep(graph: Graph, cover = edgeCover(graph)): readonly CrashPoint[] {
  const shortest = new Map<string, CrashPoint>();
  const paths = [...cover].sort((a, b) => a.length - b.length);
  for (const path of paths) {
    path.forEach((edge, at) => {
      const kind = `${graph.vertices.get(edge.from)?.value} ${edge.name}`;
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
