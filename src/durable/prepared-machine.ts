import { type AnyActorLogic, type AnyStateMachine, createMachine } from "xstate";
import { SlowwaveError } from "../domain/failure.ts";

/** How the engine runs an actor: by steps that are committed, or as a leaf beside them. */
export type ActorKind = "machine" | "pure" | "leaf" | "missing";

/**
 * A copy of a machine whose actors are stand-ins: where XState would make an actor, the engine is asked instead. What
 * the stand-ins stand for is in `logics`, by name; inline invokes have the name of their place.
 */
export interface PreparedMachine {
  readonly original: AnyStateMachine;
  readonly machine: AnyStateMachine;
  readonly logics: Readonly<Record<string, AnyActorLogic>>;
  /** It has actors that are only known by their place in it. */
  readonly hasInline: boolean;
}

/** What a prepared machine has in place of actors. */
export interface StandIns {
  /** Makes the initial snapshot of what is spawned; called by XState in the middle of a step. */
  standIn(src: string): AnyActorLogic;
  /** An action that begins what a state invokes. */
  invoking(actor: InvokedActor): unknown;
}

/** An actor that a state invokes, as XState's own definition has it. */
export interface InvokedActor {
  readonly id: string;
  readonly src: string;
  readonly systemId: string | undefined;
  readonly input: unknown;
  readonly syncSnapshot: boolean;
}

/** Microsteps without an event after which a step counts as endless, where the machine sets no limit of its own. */
const MAX_ITERATIONS = 10_000;

/**
 * Throws `inline_actor` where the machine spawns logic by `spawnChild` without a name: nothing could find it again
 * after a restart.
 */
export function prepareMachine(original: AnyStateMachine, { standIn, invoking }: StandIns): PreparedMachine {
  const inline: Record<string, AnyActorLogic> = {};
  const config = copyOf(original.root as unknown as ConfigNode, inline) as {
    options?: { maxIterations?: number };
  };
  const options = { maxIterations: MAX_ITERATIONS, ...config.options };
  const { actions, guards, delays, actors } = original.implementations;
  const standIns = new Map<string, AnyActorLogic>();
  const named = (src: string): AnyActorLogic => {
    const known = standIns.get(src) ?? standIn(src);
    standIns.set(src, known);
    return known;
  };
  const machine = createMachine({ ...config, options } as never, {
    actions: actions as never,
    guards: guards as never,
    delays: delays as never,
    actors: new Proxy({}, { get: (_, src) => (typeof src === "string" ? named(src) : undefined) }),
  });
  for (const node of (machine as unknown as { idMap: Map<string, EnteredNode> }).idMap.values()) {
    if (node.invoke.length > 0) invokeHere(node, invoking);
  }
  const logics = { ...(actors as Record<string, AnyActorLogic>), ...inline };
  return { original, machine, logics, hasInline: Object.keys(inline).length > 0 };
}

/** A state of XState's own, as it is entered. */
interface EnteredNode {
  readonly invoke: readonly (Omit<InvokedActor, "syncSnapshot"> & { onSnapshot?: unknown })[];
  entry: unknown[];
}

/** Read as ever for the names in it, but gone through as if there were nothing. */
class InvokedElsewhere<Invoked> extends Array<Invoked> {
  override [Symbol.iterator](): ArrayIterator<Invoked> {
    return ([] as Invoked[])[Symbol.iterator]();
  }
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }
}

/**
 * Entering the state, XState makes an actor for each of its invokes, after the entry actions. Here the last entry
 * actions do so, in a third of the time. Their names stay where they are: they are stopped by them, and what an entry
 * action sends to them waits until they are there.
 */
function invokeHere(node: EnteredNode, invoking: StandIns["invoking"]): void {
  const { invoke } = node;
  node.entry.push(...invoke.map((of) => invoking({ ...of, syncSnapshot: Boolean(of.onSnapshot) })));
  Object.defineProperty(node, "invoke", { value: InvokedElsewhere.from(invoke) });
}

interface ConfigNode {
  readonly id: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly states: Readonly<Record<string, ConfigNode>>;
}

function copyOf(node: ConfigNode, inline: Record<string, AnyActorLogic>): Record<string, unknown> {
  demandNames(node, node.config);
  const { invoke } = node.config;
  const states = Object.entries(node.states).map(([key, inner]) => [key, copyOf(inner, inline)]);
  return {
    ...node.config,
    ...(node.config.states === undefined ? {} : { states: Object.fromEntries(states) }),
    ...(invoke === undefined ? {} : { invoke: [invoke].flat().map((one, at) => byName(one, at)) }),
  };

  function byName(one: unknown, at: number): unknown {
    const { src } = one as { src: unknown };
    if (typeof src === "string") return one;
    const name = `inline.${at}.${node.id}`;
    inline[name] = src as AnyActorLogic;
    return { ...(one as object), src: name };
  }
}

/** Looks for `spawnChild(logic)` among the actions of one state: those in `assign` are only seen when they are made. */
function demandNames(node: ConfigNode, part: unknown): void {
  if (typeof part === "function" && (part as { type?: unknown }).type === "xstate.spawnChild") {
    if (typeof (part as { src?: unknown }).src === "string") return;
    throw inlineActor(`spawned in the state "${node.id}"`);
  }
  if (typeof part !== "object" || part === null) return;
  for (const [key, inner] of Object.entries(part)) {
    if (key !== "states" && key !== "context" && key !== "meta" && key !== "src") demandNames(node, inner);
  }
}

export function inlineActor(which: string): SlowwaveError {
  return new SlowwaveError(
    "inline_actor",
    `The actor ${which} has no name: give it one in setup({ actors }), so that it can be found after a restart.`,
  );
}

export function kindOf(logic: AnyActorLogic | undefined): ActorKind {
  if (logic === undefined || logic === null) return "missing";
  if (isMachine(logic)) return "machine";
  const { start, transition, getInitialSnapshot } = logic as Partial<AnyActorLogic>;
  const isPure =
    start === undefined && typeof transition === "function" && typeof getInitialSnapshot === "function";
  return isPure ? "pure" : "leaf";
}

export function isMachine(logic: object): logic is AnyStateMachine & AnyActorLogic {
  return "__xstatenode" in logic && "getStateNodeById" in logic;
}

/** Of every machine and of every child machine it names, so that what is refused is refused at once. */
export function prepareAll(
  machines: readonly AnyStateMachine[],
  prepare: (machine: AnyStateMachine) => PreparedMachine,
): void {
  const seen = new Set<AnyStateMachine>();
  const queue = [...machines];
  for (let machine = queue.pop(); machine !== undefined; machine = queue.pop()) {
    if (seen.has(machine)) continue;
    seen.add(machine);
    for (const logic of Object.values(prepare(machine).logics)) {
      if (logic !== null && typeof logic === "object" && isMachine(logic)) queue.push(logic);
    }
  }
}
