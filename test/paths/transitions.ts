import type { AnyMachineSnapshot, AnyStateMachine, EventObject } from "xstate";

/** One transition object of the machine, under a name that survives rewording. */
export interface NamedTransition {
  /** `source|event|index`: the index is its place among the candidates for this event. */
  readonly id: string;
  /** Dotted; the machine's own id for its root. */
  readonly source: string;
  readonly event: string;
  /** Dotted; null when it stays, or forbids. */
  readonly target: string | null;
}

export interface Transitions {
  readonly all: readonly NamedTransition[];
  /** Those that this event would take here; empty when nobody listens. */
  taken(snapshot: AnyMachineSnapshot, event: EventObject): readonly NamedTransition[];
}

export function namedTransitions(machine: AnyStateMachine): Transitions {
  const named = new Map<unknown, NamedTransition>();
  const walk = (node: AnyStateMachine["root"]) => {
    for (const [event, candidates] of node.transitions) {
      candidates.forEach((definition, index) => {
        const source = pathOf(node, machine);
        const [target] = definition.target ?? [];
        named.set(definition, {
          id: `${source}|${event}|${index}`,
          source,
          event,
          target: target === undefined ? null : pathOf(target, machine),
        });
      });
    }
    for (const child of Object.values(node.states)) walk(child);
  };
  walk(machine.root);
  return {
    all: [...named.values()],
    taken: (snapshot, event) =>
      machine.getTransitionData(snapshot, event).map((definition) => {
        const found = named.get(definition);
        if (found === undefined)
          throw new Error(`a transition for ${event.type} that the machine does not list`);
        return found;
      }),
  };
}

function pathOf(node: { readonly path: readonly string[] }, machine: AnyStateMachine): string {
  return node.path.length === 0 ? machine.id : node.path.join(".");
}
