import type { AnyStateMachine, AnyStateNode } from "xstate";

/** A transition of a machine in plain words, however it is drawn. */
interface Arrow {
  readonly source: AnyStateNode;
  /** As the machine names it, e.g. `xstate.done.actor.claimJob`; empty for an eventless one. */
  readonly event: string;
  readonly guard: string | null;
  /** Null: the state stays as it is. */
  readonly target: AnyStateNode | null;
  readonly actions: readonly string[];
  readonly isReentering: boolean;
  readonly description: string | null;
}

/** Every state of the machine, containers before what they contain. */
function statesOf(root: AnyStateNode): readonly AnyStateNode[] {
  return [root, ...Object.values(root.states).flatMap(statesOf)];
}

/** The transitions of one state, candidates for the same event in the order in which they are tried. */
function arrowsOf(source: AnyStateNode): readonly Arrow[] {
  const found = [...source.transitions].flatMap(([event, candidates]) =>
    candidates.map((candidate) => [event, candidate] as const),
  );
  const eventless = (source.always ?? []).map((candidate) => ["", candidate] as const);
  return [...found, ...eventless].map(([event, candidate]) => ({
    source,
    event,
    guard: candidate.guard === undefined ? null : nameOf(candidate.guard),
    target: candidate.target?.[0] ?? null,
    actions: candidate.actions.map(nameOf),
    isReentering: candidate.reenter,
    description: candidate.description ?? null,
  }));
}

/** Of an action, a guard or an actor: its name, or what was written where a name belongs. */
function nameOf(named: unknown): string {
  if (typeof named === "string") return named;
  const { type, name } = named as { type?: unknown; name?: unknown };
  if (typeof type === "string") return type;
  return typeof name === "string" && name !== "" ? name : "inline";
}

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
  const remarks = event
    .replace(/^xstate\.(done|error)\.actor\./, "$1 ")
    .replace(/^xstate\.done\.state\..*/, "done");
  const text = `${remarks === "" ? "always" : remarks}${guard === null ? "" : ` [${guard}]`}`;
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

/**
 * A statechart as W3C SCXML 1.0. Names stand for what the machine leaves open: a guard is the condition
 * `name()`, an action the script `name()`, an actor the `src` of an invoke. SCXML allows no transitions on the
 * document itself, so the machine is its one top-level state, beside the end it comes to.
 */
export function scxml(root: AnyStateNode): string {
  const id = idOf(root);
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    open("scxml", {
      xmlns: "http://www.w3.org/2005/07/scxml",
      version: "1.0",
      datamodel: "ecmascript",
      name: id,
      initial: id,
    }),
    ...state(root, 1),
    `  ${empty("final", { id: `${id}.over` })}`,
    "</scxml>",
  ];
  return `${lines.join("\n")}\n`;
}

function state(node: AnyStateNode, depth: number): readonly string[] {
  const pad = "  ".repeat(depth);
  const within = [
    ...remark(node.description, `${pad}  `),
    ...scripts("onentry", node.entry.map(nameOf), `${pad}  `),
    ...scripts("onexit", node.exit.map(nameOf), `${pad}  `),
    ...node.invoke.map(
      ({ id, src }) => `${pad}  ${empty("invoke", { type: "xstate", id, src: nameOf(src) })}`,
    ),
    ...arrowsOf(node).flatMap((arrow) => transition(arrow, `${pad}  `)),
    ...(node.parent === undefined ? [`${pad}  ${ending(node)}`] : []),
    ...Object.values(node.states).flatMap((child) => state(child, depth + 1)),
  ];
  const tag = node.type === "final" || node.type === "parallel" ? node.type : "state";
  const [initial] = node.type === "compound" ? node.initial.target : [];
  const fields = { id: idOf(node), ...(initial === undefined ? {} : { initial: idOf(initial) }) };
  return [`${pad}${open(tag, fields)}`, ...within, `${pad}</${tag}>`];
}

/** The machine is over when it comes to one of its final states. */
function ending(root: AnyStateNode): string {
  return empty("transition", { event: `done.state.${idOf(root)}`, target: `${idOf(root)}.over` });
}

function transition(arrow: Arrow, pad: string): readonly string[] {
  const { source, event, guard, target, actions, isReentering, description } = arrow;
  const isInternal =
    target !== null && !isReentering && source.type === "compound" && isWithin(target, source);
  const fields = {
    ...(event === "" ? {} : { event: eventOf(event) }),
    ...(guard === null ? {} : { cond: `${guard}()` }),
    ...(target === null ? {} : { target: idOf(target) }),
    ...(isInternal ? { type: "internal" } : {}),
  };
  const remarks = remark(description, pad);
  if (actions.length === 0) return [...remarks, `${pad}${empty("transition", fields)}`];
  return [
    ...remarks,
    `${pad}${open("transition", fields)}`,
    ...actions.map((action) => `${pad}  <script>${escaped(action)}()</script>`),
    `${pad}</transition>`,
  ];
}

/** The platform's own events have other names in SCXML; `*` and the rest are the same. */
function eventOf(event: string): string {
  return event
    .replace(/^xstate\.done\.actor\./, "done.invoke.")
    .replace(/^xstate\.error\.actor\./, "error.platform.")
    .replace(/^xstate\.done\.state\./, "done.state.");
}

function scripts(tag: string, actions: readonly string[], pad: string): readonly string[] {
  if (actions.length === 0) return [];
  return [
    `${pad}<${tag}>`,
    ...actions.map((name) => `${pad}  <script>${escaped(name)}()</script>`),
    `${pad}</${tag}>`,
  ];
}

function isWithin(node: AnyStateNode, container: AnyStateNode): boolean {
  return node.parent !== undefined && (node.parent === container || isWithin(node.parent, container));
}

/** Dots are allowed in XML names, and what is not becomes an underscore. */
function idOf(node: AnyStateNode): string {
  return [node.machine.id, ...node.path].join(".").replace(/[^\p{L}\p{N}._-]/gu, "_");
}

/** Two hyphens would end a comment. */
function remark(text: string | null | undefined, pad: string): readonly string[] {
  return text == null || text === ""
    ? []
    : [`${pad}<!-- ${text.replace(/-{2,}/g, "-").replace(/-$/, "")} -->`];
}

function open(tag: string, fields: Readonly<Record<string, string>>): string {
  const written = Object.entries(fields).map(([name, value]) => ` ${name}="${escaped(value)}"`);
  return `<${tag}${written.join("")}>`;
}

function empty(tag: string, fields: Readonly<Record<string, string>>): string {
  return open(tag, fields).replace(/>$/, "/>");
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ENTITIES[character] ?? character);
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/**
 * A machine as source text that Stately imports: one literal, everything by name, descriptions kept. It is also
 * a module that runs: actors that never end, guards that say yes, so that the chart can be walked by hand.
 * Functions are left out, since no tool that reads source text could run them.
 */
export function statelySource(machine: AnyStateMachine): string {
  const config = { ...machine.config, context: {}, output: undefined };
  return [
    'import { fromCallback, fromPromise, setup } from "xstate";',
    "",
    `export const ${nameFor(machine.id)} = setup({`,
    `  actors: ${literal(actorsOf(machine), 1)},`,
    `  actions: ${literal(Object.fromEntries(actionsOf(machine).map((name) => [name, source("() => {}")])), 1)},`,
    `  guards: ${literal(Object.fromEntries(guardsOf(machine).map((name) => [name, source("() => true")])), 1)},`,
    `}).createMachine(${literal(config, 0)});`,
    "",
  ].join("\n");
}

/** Source text in the place of a value. */
interface Source {
  readonly source: string;
}
const SOURCES = new WeakSet<object>();

function source(text: string): Source {
  const written = { source: text };
  SOURCES.add(written);
  return written;
}

/** What is invoked and has an end is a promise; what only tells, a callback. */
function actorsOf(machine: AnyStateMachine): Readonly<Record<string, Source>> {
  const invoked = statesOf(machine.root).flatMap((node) =>
    node.invoke.map(({ src, id }) => [nameOf(src), node.transitions.has(`xstate.done.actor.${id}`)] as const),
  );
  const spawned = Object.keys(machine.implementations.actors).map((name) => [name, false] as const);
  return Object.fromEntries(
    [...new Map([...spawned, ...invoked])].map(([name, hasEnd]) => [
      name,
      source(hasEnd ? "fromPromise(() => new Promise(() => {}))" : "fromCallback(() => {})"),
    ]),
  );
}

function actionsOf(machine: AnyStateMachine): readonly string[] {
  const named = statesOf(machine.root).flatMap((node) => [
    ...[...node.entry, ...node.exit].map(nameOf),
    ...arrowsOf(node).flatMap(({ actions }) => actions),
  ]);
  return [...new Set(named)].sort();
}

function guardsOf(machine: AnyStateMachine): readonly string[] {
  const named = statesOf(machine.root).flatMap((node) => arrowsOf(node).map(({ guard }) => guard));
  return [...new Set(named)].filter((guard) => guard !== null).sort();
}

const WIDTH = 100;

/** A value as TypeScript source; functions and what is undefined are left out. */
function literal(value: unknown, depth: number): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "undefined";
  if (SOURCES.has(value)) return (value as Source).source;
  const isList = Array.isArray(value);
  const parts = isList
    ? value.filter(isKept).map((item) => literal(item, depth + 1))
    : Object.entries(value)
        .filter(([, item]) => isKept(item))
        .map(([key, item]) => `${nameOrText(key)}: ${literal(item, depth + 1)}`);
  const [start, end] = isList ? ["[", "]"] : ["{", "}"];
  if (parts.length === 0) return `${start}${end}`;
  const space = isList ? "" : " ";
  const line = `${start}${space}${parts.join(", ")}${space}${end}`;
  if (!line.includes("\n") && line.length + 2 * depth <= WIDTH) return line;
  const pad = "  ".repeat(depth + 1);
  return `${start}\n${parts.map((part) => `${pad}${part},\n`).join("")}${"  ".repeat(depth)}${end}`;
}

function isKept(value: unknown): boolean {
  return value !== undefined && typeof value !== "function";
}

function nameOrText(key: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(key) ? key : JSON.stringify(key);
}

function nameFor(id: string): string {
  const name = id.replace(/[^A-Za-z0-9_$]/g, "_");
  return `${/^\d/.test(name) ? "_" : ""}${name}Machine`;
}
