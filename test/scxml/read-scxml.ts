import { DOMParser, type Element as XmlElement } from "@xmldom/xmldom";
import {
  type AnyStateMachine,
  assign,
  cancel,
  createMachine,
  enqueueActions,
  log,
  type MachineContext,
  raise,
  sendTo,
} from "xstate";

/** Arguments that XState gives to guards and actions, as far as SCXML can see them. */
interface Seen {
  readonly context: MachineContext;
  readonly event: { readonly type: string; readonly data?: unknown; readonly output?: unknown };
}

type Action = ReturnType<typeof raise> | ReturnType<typeof assign>;

/**
 * An SCXML document as an XState machine: as much of SCXML as the machines of the test suite use that XState passes.
 * The datamodel is the machine's context; expressions are evaluated with its names in scope.
 */
export function machineOf(text: string): AnyStateMachine {
  const root = new DOMParser().parseFromString(text, "text/xml").documentElement;
  if (root === null) throw new Error("not an SCXML document");
  return machineOfElement(root, "machine");
}

function machineOfElement(root: XmlElement, id: string): AnyStateMachine {
  const [datamodel] = childrenOf(root, "datamodel");
  const data = datamodel === undefined ? [] : childrenOf(datamodel, "data");
  const context = Object.fromEntries(
    data.map((one) => {
      const expr = one.getAttribute("expr");
      return [one.getAttribute("id") ?? "", expr === null ? undefined : evaluate(expr, {}, null)];
    }),
  );
  const config = { ...stateOf(root, id), id, context };
  return createMachine(config as never);
}

function stateOf(element: XmlElement, id: string): object {
  const inner = [...elements(element)].filter(({ localName }) => STATES.has(localName ?? ""));
  const initial = childrenOf(element, "initial").flatMap((one) => childrenOf(one, "transition"))[0];
  const first = initial?.getAttribute("target") ?? element.getAttribute("initial") ?? null;
  const invokes = childrenOf(element, "invoke").map((invoke, at) => invokeOf(invoke, `${id}-${at}`));
  const isParallel = element.localName === "parallel";
  const begin = inner.length > 0 && !isParallel ? initialOf(first, initial, inner) : null;
  const states = { ...Object.fromEntries(inner.map((one) => namedState(one))), ...begin?.more };
  return {
    id: nameOf(id),
    ...(element.localName === "final" ? { type: "final" } : {}),
    ...(isParallel ? { type: "parallel" } : {}),
    ...(inner.length > 0 ? { states } : {}),
    ...(begin === null ? {} : { initial: begin.initial }),
    ...(invokes.length > 0 ? { invoke: invokes } : {}),
    entry: childrenOf(element, "onentry").flatMap(actionsOf),
    exit: childrenOf(element, "onexit").flatMap(actionsOf),
    ...transitionsOf(childrenOf(element, "transition")),
  };
}

const STATES = new Set(["state", "parallel", "final", "history"]);

let unnamed = 0;

function namedState(element: XmlElement): [string, object] {
  unnamed += 1;
  const id = element.getAttribute("id") ?? `unnamed-${unnamed}`;
  if (element.localName !== "history") return [nameOf(id), stateOf(element, id)];
  const [transition] = childrenOf(element, "transition");
  const target = transition?.getAttribute("target");
  const history = element.getAttribute("type") ?? "shallow";
  return [
    nameOf(id),
    { id: nameOf(id), type: "history", history, ...(target ? { target: `#${nameOf(target)}` } : {}) },
  ];
}

/** A child that is the first, or a state of its own from where states further in are entered at once. */
function initialOf(
  first: string | null,
  transition: XmlElement | undefined,
  inner: readonly XmlElement[],
): { initial: unknown; more: object } {
  const id = first ?? inner[0]?.getAttribute("id") ?? "";
  const actions = transition === undefined ? [] : actionsOf(transition);
  if (inner.some((one) => one.localName !== "history" && one.getAttribute("id") === id)) {
    return { initial: { target: nameOf(id), actions }, more: {} };
  }
  unnamed += 1;
  const name = `initial-${unnamed}`;
  const always = { target: id.split(/\s+/).map((one) => `#${nameOf(one)}`), actions };
  return { initial: name, more: { [name]: { always } } };
}

function transitionsOf(transitions: readonly XmlElement[]): object {
  const on: Record<string, object[]> = {};
  const always: object[] = [];
  for (const transition of transitions) {
    const target = transition.getAttribute("target");
    const cond = transition.getAttribute("cond");
    const formatted = {
      ...(target ? { target: target.split(/\s+/).map((one) => `#${nameOf(one)}`) } : {}),
      // SCXML's transitions are external unless they say otherwise.
      ...(target && transition.getAttribute("type") !== "internal" ? { reenter: true } : {}),
      ...(cond ? { guard: guardOf(cond) } : {}),
      actions: actionsOf(transition),
    };
    const events = transition.getAttribute("event")?.split(/\s+/) ?? null;
    if (events === null) always.push(formatted);
    for (const event of events ?? [])
      on[descriptorOf(event)] = [...(on[descriptorOf(event)] ?? []), formatted];
  }
  return { on, ...(always.length > 0 ? { always } : {}) };
}

/** SCXML's names of ends in XState's spelling. */
function descriptorOf(event: string): string {
  if (event === "*" || event.endsWith(".*")) return event;
  // A name stands for all that begin with it.
  const named = event
    .replace(/^done\.invoke\b/, "xstate.done.actor")
    .replace(/^done\.state\b/, "xstate.done.state");
  return `${named}.*`;
}

function nameOf(id: string): string {
  return id.replaceAll(".", "$");
}

function invokeOf(element: XmlElement, fallback: string): object {
  const [content] = childrenOf(element, "content");
  const root = content === undefined ? undefined : childrenOf(content, "scxml")[0];
  if (root === undefined) throw new Error("only inline machines are invoked");
  const id = element.getAttribute("id") ?? fallback;
  return { id, src: machineOfElement(root, `invoked-${id}`) };
}

function actionsOf(element: XmlElement): Action[] {
  return [...elements(element)].map(actionOf);
}

function actionOf(element: XmlElement): Action {
  const of = (name: string) => element.getAttribute(name);
  switch (element.localName) {
    case "raise":
      return raise({ type: of("event") ?? "" });
    case "assign":
      return assign((seen) => ({ [of("location") ?? ""]: evaluate(of("expr") ?? "", seen.context, seen) }));
    case "script":
      return assign((seen) => run(element.textContent ?? "", seen.context));
    case "log":
      return log(
        (seen) => evaluate(of("expr") ?? "undefined", seen.context, seen),
        of("label") ?? "",
      ) as never;
    case "cancel":
      return cancel(of("sendid") ?? "") as never;
    case "send":
      return sendOf(element) as never;
    case "if":
      return choiceOf(element) as never;
    default:
      throw new Error(`<${element.localName}> is not read`);
  }
}

function sendOf(element: XmlElement): unknown {
  const of = (name: string) => element.getAttribute(name);
  const params = childrenOf(element, "param");
  const eventOf = (seen: Seen) => ({
    type: of("event") ?? String(evaluate(of("eventexpr") ?? "''", seen.context, seen)),
    data: Object.fromEntries(
      params.map((param) => [
        param.getAttribute("name"),
        evaluate(param.getAttribute("expr") ?? "", seen.context, seen),
      ]),
    ),
  });
  const target = of("target");
  if (target === "#_internal") return raise((seen) => eventOf(seen));
  const targetExpr = of("targetexpr");
  const to = ({ self, ...seen }: Seen & { self: unknown }) => {
    const found = targetExpr === null ? undefined : evaluate(targetExpr, seen.context, seen);
    // A session, and its address, are the machine itself.
    const isSelf = found === undefined || found === PROCESSOR || String(found).startsWith("#_scxml_");
    return isSelf || found === "#_internal" ? self : found;
  };
  const delay = of("delay");
  const delayExpr = of("delayexpr");
  const options = {
    ...(of("id") ? { id: of("id") as string } : {}),
    ...(delay !== null ? { delay: millisecondsOf(delay) } : {}),
    ...(delayExpr !== null
      ? { delay: (seen: Seen) => millisecondsOf(String(evaluate(delayExpr, seen.context, seen))) }
      : {}),
  };
  return sendTo((target ?? to) as never, eventOf as never, options as never);
}

function millisecondsOf(delay: string): number {
  const found = /^(?<amount>[\d.]+)(?<unit>ms|s)?$/.exec(delay.trim())?.groups;
  if (found === undefined) throw new Error(`"${delay}" is no delay`);
  return Number(found.amount) * (found.unit === "s" ? 1_000 : 1);
}

/** The first branch whose condition holds, with what the branches before assigned. */
function choiceOf(element: XmlElement): unknown {
  const branches: { cond: string | null; actions: Action[] }[] = [
    { cond: element.getAttribute("cond"), actions: [] },
  ];
  for (const inner of elements(element)) {
    if (inner.localName === "elseif") branches.push({ cond: inner.getAttribute("cond"), actions: [] });
    else if (inner.localName === "else") branches.push({ cond: null, actions: [] });
    else branches.at(-1)?.actions.push(actionOf(inner));
  }
  return enqueueActions(({ context, event, enqueue, check }) => {
    const taken = branches.find(({ cond }) => cond === null || check(guardOf(cond) as never) === true);
    void context;
    void event;
    for (const action of taken?.actions ?? []) enqueue(action as never);
  });
}

/** XState gives a guard that has a `check` the whole snapshot, which `In` needs. */
function guardOf(cond: string): unknown {
  const guard = () => false;
  guard.check = (snapshot: { _nodes: readonly { id: string }[] }, { context, event }: Seen) =>
    Boolean(
      evaluate(cond, context, { context, event }, (id) =>
        snapshot._nodes.some((node) => node.id === nameOf(id)),
      ),
    );
  return guard;
}

const PROCESSOR = "http://www.w3.org/TR/scxml/#SCXMLEventProcessor";

function scopeOf(context: object, seen: Seen | null, isIn: (id: string) => boolean): object {
  const { type, data, output } = seen?.event ?? { type: "" };
  const _event = { name: type, data: data ?? output };
  return {
    _event,
    _sessionid: "session",
    _name: "machine",
    _ioprocessors: { scxml: { location: PROCESSOR }, basichttp: { location: PROCESSOR } },
    In: isIn,
    ...context,
  };
}

function evaluate(
  expression: string,
  context: object,
  seen: Seen | null,
  isIn: (id: string) => boolean = () => false,
): unknown {
  const evaluation = new Function("scope", `with (scope) { return (${expression}); }`);
  return evaluation(scopeOf(context, seen, isIn));
}

/** What a script leaves of the names in the datamodel. */
function run(script: string, context: object): object {
  const changed = { ...context };
  new Function("scope", `with (scope) { ${script} }`)(changed);
  return changed;
}

function* elements(parent: XmlElement): Iterable<XmlElement> {
  for (let at = parent.firstChild; at !== null; at = at.nextSibling) {
    if (at.nodeType === 1) yield at as XmlElement;
  }
}

function childrenOf(parent: XmlElement, name: string): XmlElement[] {
  return [...elements(parent)].filter(({ localName }) => localName === name);
}
