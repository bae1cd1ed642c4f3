import type { Edge, Graph, Path } from "./graph.ts";

/**
 * Paths from the start to an end that together walk every edge, self-loops too: the shortest way there, the edge,
 * the shortest way out. Edges that an earlier path walks are not given one of their own; the far ones come first,
 * for their paths walk the near ones.
 */
export function edgeCover(graph: Graph): readonly Path[] {
  const { there, out } = shortestWays(graph);
  const walked = new Set<Edge>();
  const paths: Path[] = [];
  for (const edge of [...graph.edges].reverse()) {
    if (walked.has(edge)) continue;
    const path = [...(there.get(edge.from) ?? []), edge, ...(out.get(edge.to) ?? [])];
    for (const step of path) walked.add(step);
    paths.push(path);
  }
  return paths.reverse();
}

/** By vertex: the shortest path from the start, and the shortest one to an end. */
export function shortestWays(graph: Graph): {
  readonly there: ReadonlyMap<string, Path>;
  readonly out: ReadonlyMap<string, Path>;
} {
  const there = new Map<string, Path>([[graph.start, []]]);
  for (const [at, path] of there) {
    for (const edge of graph.vertices.get(at)?.edges ?? []) {
      if (!there.has(edge.to)) there.set(edge.to, [...path, edge]);
    }
  }
  const into = Map.groupBy(graph.edges, (edge) => edge.to);
  const ends = [...graph.vertices.values()].filter(({ edges }) => edges.length === 0);
  const out = new Map<string, Path>(ends.map(({ key }) => [key, []]));
  for (const [at, path] of out) {
    for (const edge of into.get(at) ?? []) if (!out.has(edge.from)) out.set(edge.from, [edge, ...path]);
  }
  return { there, out };
}

/** `claimJob: claimed → … ⇒ failed (cancelled)` */
export function told(graph: Graph, path: Path): string {
  const end = graph.vertices.get(path.at(-1)?.to ?? graph.start);
  const { status } = (end?.snapshot.context ?? {}) as { status?: string | null };
  return `${path.map(({ name }) => name).join(" → ")} ⇒ ${end?.value}${status == null ? "" : ` (${status})`}`;
}
