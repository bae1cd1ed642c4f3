import { structureHash } from "../../src/durable/versions.ts";
import { phase2Machine } from "../../src/machines/phase2.ts";
import { told } from "./edge-cover.ts";
import { type Graph, type Path, transitions } from "./graph.ts";
import type { NamedTransition } from "./transitions.ts";

/** What `coverage/paths.json` holds (contract, section 9). */
export interface Coverage {
  readonly machine: string;
  readonly hash: string;
  /** `paths`: which of the paths below walk it. */
  readonly transitions: readonly (NamedTransition & { readonly paths: readonly number[] })[];
  readonly paths: readonly string[];
}

export function coverageOf(graph: Graph, paths: readonly Path[]): Coverage {
  const walkedBy = new Map<string, number[]>(transitions.all.map(({ id }) => [id, []]));
  paths.forEach((path, number) => {
    for (const id of new Set(path.flatMap((edge) => edge.transitions))) walkedBy.get(id)?.push(number);
  });
  return {
    machine: phase2Machine.id,
    hash: structureHash(phase2Machine),
    transitions: transitions.all.map((named) => ({ ...named, paths: walkedBy.get(named.id) ?? [] })),
    paths: paths.map((path) => told(graph, path)),
  };
}
