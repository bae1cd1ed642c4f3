import type { AnyStateMachine, AnyStateNode } from "xstate";

/** What a machine is at run time, in the lines of `linesOf`: each state with its kind, and each transition. */
export function runtimeLines(machine: AnyStateMachine): readonly string[] {
  const nameOf = (node: AnyStateNode) => node.path.join(".") || machine.id;
  const kindOf = (node: AnyStateNode) =>
    node.type === "compound" ? `compound ${node.initial.target[0]?.key}` : node.type;
  const visit = (node: AnyStateNode): readonly string[] => [
    `state ${nameOf(node)} ${kindOf(node)}: ${node.description ?? ""}`,
    ...node.invoke.map(({ id, src }) => `invoke ${nameOf(node)} ${id} ${String(src)}`),
    ...[...node.transitions].flatMap(([event, candidates]) =>
      candidates.map(({ guard, target, actions, description }) =>
        [
          `${nameOf(node)} ${event}`,
          guard === undefined ? "" : `[${typeName(guard)}]`,
          `→ ${target?.[0] === undefined ? "" : nameOf(target[0])}`,
          actions.map(typeName).join(","),
          description ?? "",
        ].join(" "),
      ),
    ),
    ...Object.values(node.states).flatMap(visit),
  ];
  return visit(machine.root).toSorted();
}

function typeName(named: unknown): string {
  return typeof named === "string" ? named : (named as { type: string }).type;
}
