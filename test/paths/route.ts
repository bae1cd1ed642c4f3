import type { Edge, Graph, Path } from "./graph.ts";

/** The way of these happenings through the graph; where one can't happen, the friendly way to an end. */
export function follow(graph: Graph, from: string, names: readonly string[]): Path {
  const path: Edge[] = [];
  let at = from;
  for (const name of names) {
    const edge = edgesOf(graph, at).find((candidate) => candidate.name === name);
    if (edge === undefined) break;
    path.push(edge);
    at = edge.to;
  }
  return [...path, ...friendlyWay(graph, at)];
}

/** Every actor answers as one would wish. */
function friendlyWay(graph: Graph, from: string): Path {
  const path: Edge[] = [];
  for (let at = from; edgesOf(graph, at).length > 0; ) {
    const edges = edgesOf(graph, at);
    // The first answer of each actor is its best; an agent is watched until it says that it is done.
    const edge = edges.find(({ name }) => name === "agent.completed") ?? edges[0];
    if (edge === undefined) break;
    path.push(edge);
    at = edge.to;
  }
  return path;
}

function edgesOf(graph: Graph, at: string): readonly Edge[] {
  return graph.vertices.get(at)?.edges ?? [];
}
