import type { AnyStateMachine } from "xstate";
import type { ChartState, ChartTransition } from "../src/chart/chart.ts";

type Node = AnyStateMachine["root"];

/** A state without its place. */
export interface StateWords
  extends Pick<ChartState, "path" | "key" | "depth" | "kind" | "initial" | "actor"> {
  readonly description: string;
  readonly children: readonly StateWords[];
}

/** Walks a machine: what its states and transitions are called, and what their authors say about them. */
export function describeMachine(machine: AnyStateMachine): {
  readonly root: StateWords;
  readonly transitions: readonly ChartTransition[];
} {
  const transitions: ChartTransition[] = [];
  const visit = (node: Node, depth: number): StateWords => {
    for (const [event, candidates] of node.transitions) {
      for (const [index, candidate] of candidates.entries()) {
        const [target] = candidate.target ?? [];
        transitions.push({
          id: `${pathOf(node)}|${event}|${index}`,
          source: pathOf(node),
          event,
          guard: guardName(candidate.guard),
          target: target === undefined ? null : pathOf(target),
          description: candidate.description ?? "",
        });
      }
    }
    return {
      path: pathOf(node),
      key: node.key,
      depth,
      kind: kindOf(node),
      initial: node.parent?.config.initial === node.key,
      actor: node.invoke[0] === undefined ? null : String(node.invoke[0].src),
      description: node.description ?? "",
      children: Object.values(node.states).map((child) => visit(child, depth + 1)),
    };
  };
  return { root: visit(machine.root, 0), transitions };
}

function pathOf(node: Node): string {
  return node.path.length === 0 ? node.machine.id : node.path.join(".");
}

function kindOf(node: Node): ChartState["kind"] {
  if (node.parent === undefined) return "root";
  return node.type === "final" || node.type === "parallel" || node.type === "compound" ? node.type : "atomic";
}

function guardName(guard: unknown): string | null {
  if (guard === undefined) return null;
  if (typeof guard === "string") return guard;
  return (guard as { type?: string }).type ?? "guard";
}
