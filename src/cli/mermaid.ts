import type { AnyStateNode } from "xstate";

/** A statechart as a Mermaid `stateDiagram-v2`: nesting, initial and final states, and what leads where. */
export function mermaid(root: AnyStateNode): string {
  return ["stateDiagram-v2", ...inside(root, 1), ...arrows(root)].join("\n");
}

function inside(node: AnyStateNode, depth: number): readonly string[] {
  const pad = "  ".repeat(depth);
  const initial = node.initial.target.map((target: AnyStateNode) => `${pad}[*] --> ${nameOf(target)}`);
  const states = Object.values(node.states).flatMap((state) =>
    state.type === "compound" || state.type === "parallel"
      ? [`${pad}state "${state.key}" as ${nameOf(state)} {`, ...inside(state, depth + 1), `${pad}}`]
      : [
          `${pad}state "${state.key}" as ${nameOf(state)}`,
          ...(state.type === "final" ? [`${pad}${nameOf(state)} --> [*]`] : []),
        ],
  );
  return [...initial, ...states];
}

/** Mermaid draws no arrow from the whole: what every state answers alike is drawn from each that lives. */
function arrows(root: AnyStateNode): readonly string[] {
  const states = (node: AnyStateNode): readonly AnyStateNode[] => [
    node,
    ...Object.values(node.states).flatMap(states),
  ];
  return states(root)
    .filter((node) => node !== root)
    .flatMap((node) => {
      const inherited = node.parent === root && node.type !== "final" ? entries(root) : [];
      const own = entries(node);
      const seen = new Set(own.map(([event]) => event));
      return [...own, ...inherited.filter(([event]) => !seen.has(event))].flatMap(([event, transition]) =>
        (transition.target ?? [node]).map(
          (target: AnyStateNode) =>
            `  ${nameOf(node)} --> ${nameOf(target)} : ${labelOf(event, transition.guard)}`,
        ),
      );
    });
}

type Transition = AnyStateNode["always"] extends (infer Item)[] | undefined ? Item : never;

function entries(node: AnyStateNode): readonly (readonly [event: string, Transition])[] {
  const on = [...node.transitions].flatMap(([event, all]) =>
    all.map((one) => [event, one as Transition] as const),
  );
  return [...on, ...(node.always ?? []).map((one) => ["", one as Transition] as const)];
}

function labelOf(event: string, guard: unknown): string {
  const name = (guard as { type?: string } | undefined)?.type;
  const told = event
    .replace(/^xstate\.(done|error)\.actor\./, "$1 ")
    .replace(/^xstate\.done\.state\..*/, "done");
  // A colon would end the label.
  return `${told}${name === undefined ? "" : ` [${name}]`}`.replaceAll(":", " ").trim() || "always";
}

function nameOf(node: AnyStateNode): string {
  return node.path.join("_") || node.key;
}
