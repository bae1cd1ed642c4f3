import type { AnyStateNode } from "xstate";
import { type Arrow, arrowsOf, nameOf } from "./words.ts";

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
  const told = remark(description, pad);
  if (actions.length === 0) return [...told, `${pad}${empty("transition", fields)}`];
  return [
    ...told,
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
