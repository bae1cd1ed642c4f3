import type { AnyStateMachine } from "xstate";
import { arrowsOf, nameOf, statesOf } from "./words.ts";

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
