import { getAdjacencyMap } from "@xstate/graph";
import type { AnyMachineSnapshot, EventObject } from "xstate";
import { DEFAULT_SETTINGS } from "../../src/domain/settings.ts";
import { dotted } from "../../src/durable/transition.ts";
import type { Phase2Context, Phase2Input } from "../../src/machines/context.ts";
import { phase2Machine } from "../../src/machines/phase2.ts";
import { type Happening, happenings, nameOf } from "./alphabet.ts";
import { namedTransitions } from "./transitions.ts";

/** How often the two loops may be walked: enough for never, once, again, and no more. */
export const LOOPS = 2;

export const INPUT: Phase2Input = {
  run: "run",
  space: "global",
  token: "token",
  deadlineAtMs: 3_600_000,
  force: false,
  settings: DEFAULT_SETTINGS,
  maxRepairs: LOOPS,
  maxRestarts: LOOPS,
};

export interface Edge {
  readonly from: string;
  readonly to: string;
  readonly name: string;
  readonly event: EventObject;
  /** Ids of the machine's transitions that it takes. */
  readonly transitions: readonly string[];
}

export interface Vertex {
  readonly key: string;
  /** One of the snapshots that this vertex stands for. */
  readonly snapshot: AnyMachineSnapshot;
  /** Dotted. */
  readonly value: string;
  readonly edges: readonly Edge[];
}

export interface Graph {
  readonly start: string;
  readonly vertices: ReadonlyMap<string, Vertex>;
  readonly edges: readonly Edge[];
}

export type Path = readonly Edge[];

export const transitions = namedTransitions(phase2Machine);

export const traversal = {
  input: INPUT,
  events: (snapshot: AnyMachineSnapshot) => happenings(snapshot).map(({ event }) => event),
  serializeState: keyOf,
};

/**
 * What tells two states apart: everything a guard or a later step can see. Repairs and restarts count only where
 * the loop may still be walked; texts of causes, ids and counts of findings decide nothing.
 */
export function keyOf(snapshot: AnyMachineSnapshot): string {
  const value = dotted(snapshot.value);
  const { restarts, repairs, inputs, cancelled, status, before } = snapshot.context as Phase2Context;
  const mayLoop = /^(loading|syncing|spawning|supervising|verifying)/.test(value);
  return [
    value,
    ...(mayLoop ? [`restarts ${restarts}`, `repairs ${repairs}`] : []),
    ...(inputs === 0 ? ["no input"] : []),
    ...(before === null ? [] : ["dry run"]),
    ...(cancelled ? ["cancelled"] : []),
    ...(status === null ? [] : [status]),
  ].join(" · ");
}

/** Everything that can happen to a run, as `@xstate/graph` finds it; or only what `mayHappen` allows. */
export function phase2Graph(
  mayHappen: (happening: Happening, snapshot: AnyMachineSnapshot) => boolean = () => true,
): Graph {
  const events = (snapshot: AnyMachineSnapshot) =>
    happenings(snapshot)
      .filter((happening) => mayHappen(happening, snapshot))
      .map(({ event }) => event);
  const options = { ...traversal, events };
  const adjacency = getAdjacencyMap(phase2Machine as never, options as never) as unknown as Adjacency;
  const vertices = new Map<string, Vertex>();
  for (const [key, { state, transitions: outgoing }] of Object.entries(adjacency)) {
    const edges = Object.values(outgoing).map(({ event, state: next }) => ({
      from: key,
      to: keyOf(next),
      name: nameOf(event),
      event,
      transitions: transitions.taken(state, event).map(({ id }) => id),
    }));
    vertices.set(key, { key, snapshot: state, value: dotted(state.value), edges });
  }
  const [start = ""] = vertices.keys();
  return { start, vertices, edges: [...vertices.values()].flatMap(({ edges }) => edges) };
}

type Adjacency = Record<
  string,
  {
    readonly state: AnyMachineSnapshot;
    readonly transitions: Record<string, { event: EventObject; state: AnyMachineSnapshot }>;
  }
>;
