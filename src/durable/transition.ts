import type {
  AnyActorLogic,
  AnyMachineSnapshot,
  AnyStateMachine,
  EventObject,
  ExecutableActionObject,
} from "xstate";
import { ActorRef, type ActorState, bindRef, refOf, replaceRefs, reviveRefs } from "./actor-ref.ts";
import { type Collected, type Effect, effectOf } from "./effects.ts";
import { type PersistedMachine, persistMachine, restoreMachine } from "./persisted-machine.ts";
import {
  type InvokedActor,
  inlineActor,
  kindOf,
  type PreparedMachine,
  prepareMachine,
  type StandIns,
} from "./prepared-machine.ts";

/** One macrostep of one machine: where it led, and what it asks the world to do. */
export interface Step {
  readonly snapshot: AnyMachineSnapshot;
  readonly effects: readonly Effect[];
}

/** What steps of machines know of the run that they are steps of. */
export interface StepSystem {
  /** The logic behind a name, as the machine of this actor knows it. */
  logicOf(owner: ActorRef, src: string): AnyActorLogic | undefined;
  prepare(machine: AnyStateMachine): PreparedMachine;
  /** A name for an actor without one; XState asks for it. */
  _bookId(): string;
  /** Throws where another actor of the run has the name. */
  _set(systemId: string, actor: object): void;
  /** Frees the names that the actor and its children have in the run. */
  _unregister(ref: ActorRef): void;
  deliver(target: ActorRef, event: EventObject): void;
}

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
/** XState made an actor of its own, which stands among the children until it is replaced. */
let hasForeignActors = false;
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
  const outer = { collected, hasSpawned, hasForeignActors };
  collected = [];
  hasSpawned = false;
  hasForeignActors = false;
  const scope = scopeAt(depth);
  scope.self = self;
  scope.id = self.id;
  scope.sessionId = self.id;
  scope.system = self.system;
  depth += 1;
  try {
    const state = step(scope as never);
    // A step that threw is taken for a state of error by whoever asked for it.
    const restored =
      self.kind === "machine" && hasForeignActors ? withRefs(state as never, hasSpawned) : state;
    const effects: Effect[] = [];
    for (const action of collected) {
      const effect = effectOf(action, self, hasSpawned);
      if (effect !== null) effects.push(effect);
    }
    if (self.kind === "machine" && !effects.some(({ kind }) => kind === "act"))
      compactContext(self, restored);
    return [restored as State, effects];
  } finally {
    ({ collected, hasSpawned, hasForeignActors } = outer);
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
      hasForeignActors = true;
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

/** Parts of a context from which on V8 keeps what `Object.assign` made as a hash table. */
const MANY_PARTS = 16;

/**
 * XState makes each context by `Object.assign`, and one of many parts is then a hash table of over a kilobyte, which every
 * run that waits would keep. A copy by spreading is an ordinary object of a few hundred bytes. A custom action may
 * hold the context that it was given, so there it stays.
 */
function compactContext(self: ActorRef, after: ActorState): void {
  const { context } = after;
  if (context === self.state.context || !isPlainObject(context)) return;
  let parts = 0;
  for (const _ in context) parts += 1;
  if (parts > MANY_PARTS) (after as { context: unknown }).context = { ...context };
}

function isPlainObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** Steps a machine, or a pure actor, from where it stands. Null when the event changes nothing and asks for nothing. */
export function stepActor(
  ref: ActorRef,
  event: EventObject,
): { state: ActorState; effects: readonly Effect[] } | null {
  const logic = ref.prepared?.machine ?? (ref.logic as AnyActorLogic);
  completeChild(ref, event);
  const [state, effects] = collect(
    ref,
    (scope) => logic.transition(ref.state as never, event, scope) as ActorState,
  );
  return effects.length === 0 && isSame(ref.state, state) ? null : { state, effects };
}

/** A child that says it is over is over also for guards that look at it. */
function completeChild(ref: ActorRef, event: EventObject): void {
  const { type } = event;
  const isDone = type.startsWith(DONE);
  if (!isDone && !type.startsWith(FAILED)) return;
  const id = type.slice((isDone ? DONE : FAILED).length);
  const child = ref.children()[id];
  if (child === undefined || child.kind !== "leaf" || child.state.status !== "active") return;
  const { output, error } = event as { output?: unknown; error?: unknown };
  child.state = { ...child.state, ...(isDone ? { status: "done", output } : { status: "error", error }) };
}

const DONE = "xstate.done.actor.";
const FAILED = "xstate.error.actor.";

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
function standIn(src: string): AnyActorLogic {
  return {
    getInitialSnapshot: (scope, input) => {
      const actor = scope.self as unknown as {
        id: string;
        _parent: ActorRef;
        systemId?: string;
        _syncSnapshot?: boolean;
      };
      const { _parent: parent, id, systemId, _syncSnapshot: syncSnapshot } = actor;
      hasForeignActors = true;
      const ref = makeChild(parent, { id, src, systemId, syncSnapshot, input, actor }, scope);
      return ref.state as never;
    },
    transition: (state) => state,
    getPersistedSnapshot: (state) => state,
  };
}

/** In place of XState's own action, which makes an actor with a mailbox, closures and an observer table. */
function invoking({ id, src, systemId, input, syncSnapshot }: InvokedActor): unknown {
  const action = () => {};
  action.type = "slowwave.invoke";
  action.resolve = (
    scope: Scope,
    snapshot: AnyMachineSnapshot,
    { event }: { event: EventObject },
  ): [AnyMachineSnapshot, undefined, undefined] => {
    const { context, children } = snapshot;
    const { self } = scope;
    const given = typeof input === "function" ? input({ context, event, self }) : input;
    const ref = makeChild(self, { id, src, systemId, syncSnapshot, input: given, actor: null }, scope);
    return [{ ...snapshot, children: { ...children, [id]: ref } } as never, undefined, undefined];
  };
  return action;
}

/** What a prepared machine has in place of actors. */
export const STAND_INS: StandIns = { standIn, invoking };

interface Child {
  readonly id: string;
  readonly src: string;
  readonly systemId: string | undefined;
  readonly syncSnapshot: boolean | undefined;
  readonly input: unknown;
  /** XState's own, where it made one. */
  readonly actor: object | null;
}

function makeChild(parent: ActorRef, child: Child, scope: unknown): ActorRef {
  const { id, src, systemId, syncSnapshot, input, actor } = child;
  const system = parent.system as unknown as StepSystem;
  const logic = system.logicOf(parent, src);
  const kind = kindOf(logic);
  const ref = new ActorRef(parent.system, parent, { id, src, kind, state: ACTIVE, systemId, syncSnapshot });
  ref.input = input;
  if (actor !== null) bindRef(actor, ref);
  if (systemId !== undefined) system._set(systemId, ref);
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
  return ref;
}

const ACTIVE: ActorState = { status: "active" };

function leafState(logic: AnyActorLogic, scope: unknown, input: unknown): ActorState {
  if (typeof logic.getInitialSnapshot !== "function")
    return { ...ACTIVE, ...(input === undefined ? {} : { input }) };
  return logic.getInitialSnapshot(scope as never, input as never) as ActorState;
}

/** Puts our references where XState put its actors. */
function withRefs(state: AnyMachineSnapshot, isInContext: boolean): AnyMachineSnapshot {
  const children = state.children as Record<string, unknown>;
  for (const id in children) {
    const child = children[id];
    const ref = refOf(child);
    if (ref === null && child !== undefined) throw inlineActor(`"${id}"`);
    if (ref !== null && ref.id !== id) delete children[id];
    else children[id] = ref;
  }
  // Those without a name were all put under the same one.
  for (const action of collected) {
    if ("ref" in action && !(action.ref.id in children) && isNew(action.ref))
      children[action.ref.id] = action.ref;
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
      const known = prepared.get(one) ?? prepareMachine(one, STAND_INS);
      prepared.set(one, known);
      return known;
    },
    _bookId: () => `x:${booked++}`,
    _set: () => {},
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
