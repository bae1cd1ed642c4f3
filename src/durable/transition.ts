import type {
  AnyActorLogic,
  AnyMachineSnapshot,
  AnyStateMachine,
  EventObject,
  ExecutableActionObject,
} from "xstate";
import { ActorRef, type ActorState, bindRef, refOf, replaceRefs, reviveRefs } from "./actor-ref.ts";
import { type PersistedMachine, persistMachine, restoreMachine } from "./persisted-machine.ts";
import { plainError } from "./plain-event.ts";
import { inlineActor, kindOf, type PreparedMachine, prepareMachine } from "./prepared-machine.ts";

/** One macrostep of one machine: where it led, and what it asks the world to do. */
export interface Step {
  readonly snapshot: AnyMachineSnapshot;
  readonly effects: readonly Effect[];
}

/** In the order in which the machine decided on them. */
export type Effect =
  | {
      readonly kind: "start";
      readonly child: string;
      readonly src: string;
      readonly input: unknown;
      readonly ref: ActorRef;
    }
  | {
      readonly kind: "timer";
      readonly child: string | undefined;
      readonly event: EventObject;
      readonly delayMs: number;
      readonly to: ActorRef;
    }
  /** An actor that is let go, or a timer of that name. */
  | { readonly kind: "stop"; readonly child: string; readonly ref: ActorRef | null }
  | { readonly kind: "send"; readonly to: ActorRef; readonly event: EventObject }
  | { readonly kind: "emit"; readonly event: EventObject }
  | { readonly kind: "log"; readonly label: string | undefined; readonly value: unknown }
  /** A custom action of the machine: run once, after the commit; not repeated after a crash. */
  | { readonly kind: "act"; readonly run: () => void };

/** What steps of machines know of the run that they are steps of. */
export interface StepSystem {
  /** The logic behind a name, as the machine of this actor knows it. */
  logicOf(owner: ActorRef, src: string): AnyActorLogic | undefined;
  prepare(machine: AnyStateMachine): PreparedMachine;
  /** A name for an actor without one; XState asks for it. */
  _bookId(): string;
  /** Frees the names that the actor and its children have in the run. */
  _unregister(ref: ActorRef): void;
  deliver(target: ActorRef, event: EventObject): void;
}

/** What a collected action may be: one of XState's, a start, or what pure logic emits. */
type Collected =
  | ExecutableActionObject
  | { readonly type: "slowwave.start"; readonly ref: ActorRef }
  | { readonly type: "xstate.emit"; readonly params: { readonly event: EventObject } };

interface Scope {
  self: ActorRef;
  id: string;
  sessionId: string;
  system: unknown;
  actionExecutor: (action: ExecutableActionObject) => void;
}

let collected: Collected[] = [];
/** An assignment spawned something, so the context may hold XState's own actors. */
let hasSpawned = false;
let depth = 0;
const scopes: Scope[] = [];

/**
 * Steps of one actor at a time, pure but for what they collect. One inert actor scope is kept and used for every
 * step: `transition()` of xstate builds a throw-away actor on each call, which costs about three times as much.
 */
function collect<State extends ActorState>(
  self: ActorRef,
  step: (scope: never) => State,
): [State, readonly Effect[]] {
  const outer = { collected, hasSpawned };
  collected = [];
  hasSpawned = false;
  const scope = scopeAt(depth);
  scope.self = self;
  scope.id = self.id;
  scope.sessionId = self.id;
  scope.system = self.system;
  depth += 1;
  try {
    const state = step(scope as never);
    // A step that threw is taken for a state of error by whoever asked for it.
    const made = collected.flatMap((action) => ("ref" in action ? [action.ref] : []));
    const settled = self.kind === "machine" ? withRefs(state as never, made, hasSpawned) : state;
    return [settled as State, collected.flatMap((action) => effectOf(action, self))];
  } finally {
    ({ collected, hasSpawned } = outer);
    depth -= 1;
  }
}

function scopeAt(at: number): Scope {
  const known = scopes[at];
  if (known !== undefined) return known;
  const scope = {
    self: null as never,
    id: "",
    sessionId: "",
    system: null as unknown,
    logger: () => {},
    // Called for what an assignment spawns; what it spawned has been collected when it was made.
    defer: () => {
      hasSpawned = true;
    },
    emit: (event: EventObject) => void collected.push({ type: "xstate.emit", params: { event } }),
    stopChild: () => {},
    actionExecutor: (action: ExecutableActionObject) => {
      collected.push(action);
      // At once, so that another actor of the same step may take its name.
      if ((action.type as string) === "xstate.stopChild") {
        const ref = refOf(action.params);
        if (ref !== null) (ref.system as unknown as StepSystem)._unregister(ref);
      }
    },
  };
  scopes[at] = scope;
  return scope;
}

/** Steps a machine, or a pure actor, from where it stands. Null when the event changes nothing and asks for nothing. */
export function stepActor(
  ref: ActorRef,
  event: EventObject,
): { state: ActorState; effects: readonly Effect[] } | null {
  const logic = ref.prepared?.machine ?? (ref.logic as AnyActorLogic);
  settleChild(ref, event);
  const [state, effects] = collect(
    ref,
    (scope) => logic.transition(ref.state as never, event, scope) as ActorState,
  );
  return effects.length === 0 && isSame(ref.state, state) ? null : { state, effects };
}

/** A child that says it is over is over also for guards that look at it. */
function settleChild(ref: ActorRef, event: EventObject): void {
  const id = /^xstate\.(?:done|error)\.actor\.(?<id>.*)$/s.exec(event.type)?.groups?.id;
  const child = id === undefined ? undefined : ref.children()[id];
  if (child === undefined || child.kind !== "leaf" || child.state.status !== "active") return;
  const { output, error } = event as { output?: unknown; error?: unknown };
  const isDone = event.type.startsWith("xstate.done");
  child.state = { ...child.state, ...(isDone ? { status: "done", output } : { status: "error", error }) };
}

/** Where a machine, or a pure actor, begins; what its first step asks for. */
export function beginActor(ref: ActorRef, input: unknown): { state: ActorState; effects: readonly Effect[] } {
  const logic = ref.prepared?.machine ?? (ref.logic as AnyActorLogic);
  const [state, effects] = collect(
    ref,
    (scope) => logic.getInitialSnapshot(scope, input as never) as ActorState,
  );
  return { state, effects };
}

/** Stands where a machine expects an actor's logic: what XState is about to make is made here. */
export function standIn(src: string): AnyActorLogic {
  return {
    getInitialSnapshot: (scope, input) => {
      const actor = scope.self as unknown as {
        id: string;
        _parent: ActorRef;
        systemId?: string;
        _syncSnapshot?: boolean;
      };
      const { _parent: parent, id, systemId, _syncSnapshot: syncSnapshot } = actor;
      const system = parent.system as unknown as StepSystem;
      const logic = system.logicOf(parent, src);
      const kind = kindOf(logic);
      const of = {
        id,
        src,
        kind,
        state: ACTIVE,
        ...(systemId && { systemId }),
        ...(syncSnapshot && { syncSnapshot }),
      };
      const ref = new ActorRef(parent.system, parent, of);
      ref.input = input;
      bindRef(actor, ref);
      if (kind === "machine") ref.prepared = system.prepare(logic as AnyStateMachine);
      if (kind === "pure") ref.logic = logic ?? null;
      try {
        if (kind === "machine" || kind === "pure") {
          const first = beginActor(ref, input);
          ref.state = first.state;
          ref.pending = first.effects;
        } else if (kind === "leaf") ref.state = leafState(logic as AnyActorLogic, scope, input);
      } catch (error) {
        // A leaf says so itself when it is started.
        if (kind !== "leaf") ref.state = { status: "error", error };
      }
      collected.push({ type: "slowwave.start", ref });
      return ref.state as never;
    },
    transition: (state) => state,
    getPersistedSnapshot: (state) => state,
  };
}

const ACTIVE: ActorState = { status: "active" };

function leafState(logic: AnyActorLogic, scope: unknown, input: unknown): ActorState {
  if (typeof logic.getInitialSnapshot !== "function")
    return { ...ACTIVE, ...(input === undefined ? {} : { input }) };
  return logic.getInitialSnapshot(scope as never, input as never) as ActorState;
}

/** Puts our references where XState put its actors. */
function withRefs(
  state: AnyMachineSnapshot,
  made: readonly ActorRef[],
  isInContext: boolean,
): AnyMachineSnapshot {
  const children = state.children as Record<string, unknown>;
  if (made.length > 0 || isInContext) {
    for (const id in children) {
      const child = children[id];
      const ref = refOf(child);
      if (ref === null && child !== undefined) throw inlineActor(`"${id}"`);
      if (ref !== null && ref.id !== id) delete children[id];
      else children[id] = ref;
    }
    // Those without a name were all put under the same one.
    for (const ref of made) if (!(ref.id in children) && isNew(ref)) children[ref.id] = ref;
  }
  if (isInContext) {
    const ours = (actor: object) => refOf(actor) ?? actor;
    (state as { context: unknown }).context = replaceRefs(state.context, ours);
  }
  return state;
}

function isNew(ref: ActorRef): boolean {
  return !collected.some(
    (action) =>
      action.type === "xstate.stopChild" && refOf((action as ExecutableActionObject).params) === ref,
  );
}

/** A forbidden or unhandled event gives an equal snapshot, not always the identical one. */
function isSame(before: ActorState, after: ActorState): boolean {
  if (before === after) return true;
  const [was, is] = [before as AnyMachineSnapshot, after as AnyMachineSnapshot];
  return (
    was.status === is.status &&
    was.context === is.context &&
    was.children === is.children &&
    JSON.stringify(was.value) === JSON.stringify(is.value)
  );
}

function effectOf(action: Collected, self: ActorRef): readonly Effect[] {
  if ("ref" in action) {
    const { ref } = action;
    return [{ kind: "start", child: ref.id, src: ref.src, input: ref.input ?? null, ref }];
  }
  const params = action.params as Record<string, unknown> | undefined;
  const effect = builtIn(action.type, params, self);
  if (effect !== null) {
    if ("exec" in action) emptied(action);
    return effect;
  }
  const { exec, info, params: given } = action as ExecutableActionObject;
  return [{ kind: "act", run: () => exec?.(info, given) }];
}

/** Null for an action of the machine's own. */
function builtIn(
  type: string,
  params: Record<string, unknown> | undefined,
  self: ActorRef,
): readonly Effect[] | null {
  switch (type) {
    case "xstate.spawnChild":
      // Collected when it was made.
      if (typeof params?.src !== "string") throw inlineActor(`"${String(params?.id)}"`);
      return [];
    case "xstate.stopChild": {
      const ref = refOf(params);
      return ref === null ? [] : [{ kind: "stop", child: ref.id, ref }];
    }
    case "xstate.raise":
      // Without a delay it has been processed within this very step.
      return typeof params?.delay === "number" ? [timer(params, self)] : [];
    case "xstate.cancel":
      return [{ kind: "stop", child: String(params?.sendId), ref: null }];
    case "xstate.sendTo": {
      const to = refOf(params?.to);
      if (params === undefined || to === null) return [];
      const event = sent(params.event as EventObject, self);
      return typeof params.delay === "number"
        ? [timer({ ...params, event }, to)]
        : [{ kind: "send", to, event }];
    }
    case "xstate.emit":
      return [{ kind: "emit", event: params?.event as EventObject }];
    case "xstate.log":
      return [{ kind: "log", label: params?.label as string | undefined, value: params?.value }];
    default:
      return null;
  }
}

function timer(params: Record<string, unknown>, to: ActorRef): Effect {
  const child = params.id === undefined ? undefined : String(params.id);
  return { kind: "timer", child, event: params.event as EventObject, delayMs: params.delay as number, to };
}

/** As XState sends it: `escalate` is an error of the actor; references are ours. */
function sent(event: EventObject, self: ActorRef): EventObject {
  if (event.type === "xstate.error") {
    return errorEvent(self.id, (event as { data?: unknown }).data);
  }
  return hasSpawned ? (replaceRefs(event, (actor) => refOf(actor) ?? actor) as EventObject) : event;
}

export function errorEvent(id: string, error: unknown): EventObject {
  const plain = error instanceof Error ? plainError(error) : error;
  return { type: `xstate.error.actor.${id}`, error: plain, actorId: id } as EventObject;
}

/**
 * XState's own list of these lands among V8's old objects, and there, though long dropped, would keep each step's
 * actors until the next full collection: at many runs a fifth of the time went into copying them about.
 */
function emptied(action: Partial<ExecutableActionObject>): void {
  action.params = undefined as never;
  action.info = undefined as never;
  action.exec = undefined;
}

/** The pure side of one machine, named as XState names it: for those who replay a log, or look ahead. */
export interface Transitions {
  initialTransition(input: unknown): Step;
  /** Null when the event changes nothing and asks for nothing. */
  transition(snapshot: AnyMachineSnapshot, event: EventObject): Step | null;
  persist(snapshot: AnyMachineSnapshot): string;
  /** Throws where the text is no state of this machine. */
  restore(snapshot: string): AnyMachineSnapshot;
}

export function transitionsOf(machine: AnyStateMachine): Transitions {
  const prepared = new WeakMap<AnyStateMachine, PreparedMachine>();
  let booked = 0;
  const system: StepSystem = {
    logicOf: (owner, src) => owner.prepared?.logics[src],
    prepare: (one) => {
      const known = prepared.get(one) ?? prepareMachine(one, standIn);
      prepared.set(one, known);
      return known;
    },
    _bookId: () => `x:${booked++}`,
    _unregister: () => {},
    deliver: () => {},
  };
  Object.assign(system, INERT_SYSTEM);
  const root = new ActorRef(system, undefined, {
    id: machine.id,
    src: machine.id,
    kind: "machine",
    state: ACTIVE,
  });
  root.prepared = system.prepare(machine);
  const stepOf = ({ state, effects }: { state: ActorState; effects: readonly Effect[] }): Step => ({
    snapshot: state as AnyMachineSnapshot,
    effects,
  });
  return {
    initialTransition: (input) => stepOf(beginActor(root, input)),
    transition: (snapshot, event) => {
      root.state = snapshot;
      const step = stepActor(root, event);
      return step === null ? null : stepOf(step);
    },
    persist: (snapshot) => JSON.stringify(persistMachine(snapshot)),
    restore: (text) => {
      restoreMachine(root, JSON.parse(text) as PersistedMachine, () => {});
      const find = ({ id }: { id: string }) => root.children()[id];
      const snapshot = root.state as AnyMachineSnapshot;
      return { ...snapshot, context: reviveRefs(snapshot.context, find) } as AnyMachineSnapshot;
    },
  };
}

/** What XState asks of an actor system beside what a run answers. */
export const INERT_SYSTEM = {
  _register: (id: string) => id,
  _set: () => {},
  _sendInspectionEvent: () => {},
  get: () => undefined,
  getAll: () => ({}),
};

/** `syncing.rawMemories`; parallel regions are joined by `+`. */
export function dotted(value: unknown): string {
  if (typeof value === "string") return value;
  return Object.entries(value as Record<string, unknown>)
    .map(([key, inner]) => (isEmpty(inner) ? key : `${key}.${dotted(inner)}`))
    .join("+");
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}
