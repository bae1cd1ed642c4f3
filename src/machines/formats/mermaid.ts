import type { AnyStateNode } from "xstate";
import { type Arrow, arrowsOf, statesOf } from "./words.ts";

/** A statechart as a Mermaid `stateDiagram-v2`: nesting, initial and final states, and what leads where. */
export function mermaid(root: AnyStateNode): string {
  const lines = ["stateDiagram-v2", ...inside(root, 1), ...lead(root)];
  return `${lines.join("\n")}\n`;
}

function inside(node: AnyStateNode, depth: number): readonly string[] {
  const pad = "  ".repeat(depth);
  const initial = node.initial.target.map((target: AnyStateNode) => `${pad}[*] --> ${mermaidId(target)}`);
  const states = Object.values(node.states).flatMap((state) => {
    const named = `${pad}state "${state.key}" as ${mermaidId(state)}`;
    if (state.type === "compound" || state.type === "parallel") {
      return [`${named} {`, ...inside(state, depth + 1), `${pad}}`];
    }
    return state.type === "final" ? [named, `${pad}${mermaidId(state)} --> [*]`] : [named];
  });
  return [...initial, ...states];
}

/** One line for each pair of states, with all that leads from one to the other. */
function lead(root: AnyStateNode): readonly string[] {
  const labels = new Map<string, string[]>();
  for (const node of statesOf(root)) {
    if (node === root) continue;
    for (const arrow of [...arrowsOf(node), ...inherited(root, node)]) {
      const line = `  ${mermaidId(node)} --> ${mermaidId(arrow.target ?? node)}`;
      const label = labelOf(arrow);
      const known = labels.get(line) ?? [];
      if (!known.includes(label)) labels.set(line, [...known, label]);
    }
  }
  return [...labels].map(([line, all]) => `${line} : ${all.join(", ")}`);
}

/** Mermaid draws no arrow from the whole: what every state answers alike is drawn from each that can. */
function inherited(root: AnyStateNode, node: AnyStateNode): readonly Arrow[] {
  if (node.parent !== root || node.type === "final") return [];
  return arrowsOf(root).filter(({ event }) => !node.transitions.has(event));
}

function labelOf({ event, guard }: Arrow): string {
  const told = event
    .replace(/^xstate\.(done|error)\.actor\./, "$1 ")
    .replace(/^xstate\.done\.state\..*/, "done");
  const text = `${told === "" ? "always" : told}${guard === null ? "" : ` [${guard}]`}`;
  // A colon or a semicolon would end the label, a line break the line.
  return text.replace(/[:;\s]+/g, " ").trim();
}

/** Letters, digits and underscores; every other character by its number, so that no two ids meet. */
function mermaidId(node: AnyStateNode): string {
  const path = node.path.length === 0 ? [node.key] : node.path;
  return path
    .map((part) =>
      part.replace(/[^A-Za-z0-9]/g, (character) => `_x${character.codePointAt(0)?.toString(16)}_`),
    )
    .join("_");
}
