import type { AnyActorLogic, AnyMachineSnapshot, EventObject } from "xstate";
import { SlowwaveError } from "../domain/failure.ts";
import type { Intent } from "../domain/run.ts";
import { isActorRef } from "./plain-event.ts";
import type { ActorKind, PreparedMachine } from "./prepared-machine.ts";

/** What is known of any actor: `active`, `done`, `error` or `stopped`, and what came of it. */
export interface ActorState {
  readonly status: string;
  readonly output?: unknown;
  readonly error?: unknown;
  readonly context?: unknown;
}

/** The run's side of the references that its machines hold. */
export interface RefSystem {
  /** From a custom action, or from any code that holds a reference. */
  deliver(target: ActorRef, event: EventObject): void;
}

/**
 * An actor of a run, as its machines see it: `self`, `system.get(…)`, `snapshot.children`, what `spawn` gives. It takes
 * the place of XState's `Actor`, which would run what it is made of at once and keep it in memory.
 */
export class ActorRef {
  readonly id: string;
  readonly src: string;
  readonly systemId: string | undefined;
  readonly _syncSnapshot: boolean | undefined;
  readonly _parent: ActorRef | undefined;
  readonly system: RefSystem;
  kind: ActorKind;
  /** What a machine or a pure actor steps by; null for leaves, which are looked up when they are started. */
  prepared: PreparedMachine | null = null;
  logic: AnyActorLogic | null = null;
  state: ActorState;
  input: unknown;
  isStarted = false;
  isStopped = false;
  isBusy = false;
  /** Events that came while it was at work. */
  mailbox: EventObject[] = NONE;
  /** What its first step asked for, until it is started. */
  pending: readonly unknown[] = NONE;
  /** Its open intents: its leaves and timers. */
  intents: readonly Intent[] = NONE;

  constructor(
    system: RefSystem,
    parent: ActorRef | undefined,
    of: {
      id: string;
      src: string;
      systemId?: string | undefined;
      syncSnapshot?: boolean | undefined;
      kind: ActorKind;
      state: ActorState;
    },
  ) {
    this.system = system;
    this._parent = parent;
    this.id = of.id;
    this.src = of.src;
    this.systemId = of.systemId;
    // XState asks for truth alone; one spelling keeps a snapshot the same through a restart.
    this._syncSnapshot = of.syncSnapshot || undefined;
    this.kind = of.kind;
    this.state = of.state;
  }

  /** The path from the root, which is ""; unique among the actors that live. */
  get key(): string {
    const { _parent: parent } = this;
    if (parent === undefined) return "";
    const name = escaped(this.id);
    return parent._parent === undefined ? name : `${parent.key}/${name}`;
  }

  get sessionId(): string {
    return this.key;
  }

  get ref(): this {
    return this;
  }

  getSnapshot(): ActorState {
    return this.state;
  }

  getPersistedSnapshot(): ActorState {
    return this.state;
  }

  /** Handled as an event from outside: recorded with what it leads to. */
  send(event: EventObject): void {
    this.system.deliver(this, event);
  }

  _send(event: EventObject): void {
    this.system.deliver(this, event);
  }

  subscribe(): never {
    throw unsupported("subscribe");
  }

  on(): never {
    throw unsupported("on");
  }

  stop(): never {
    throw unsupported("stop");
  }

  toJSON(): object {
    return { xstate$$type: 1, id: this.id };
  }

  children(): Readonly<Record<string, ActorRef>> {
    return this.kind === "machine" ? ((this.state as AnyMachineSnapshot).children as never) : NO_CHILDREN;
  }
}

// Shared by all that have none: a run of thousands has little to itself.
const NONE = Object.freeze([]) as unknown as never[];
const NO_CHILDREN: Readonly<Record<string, ActorRef>> = Object.freeze({});

function unsupported(method: string): SlowwaveError {
  return new SlowwaveError(
    "unsupported_reference",
    `"${method}" of an actor's reference is not supported in a durable run: use the engine's committed$ and emitted$.`,
  );
}

function escaped(id: string): string {
  return id.includes("/") || id.includes("~") ? id.replaceAll("~", "~0").replaceAll("/", "~1") : id;
}

function unescaped(name: string): string {
  return name.replaceAll("~1", "/").replaceAll("~0", "~");
}

/** The actor at this path, if it is there. */
export function findActor(root: ActorRef, key: string): ActorRef | null {
  if (key === "") return root;
  let at: ActorRef | undefined = root;
  for (const name of key.split("/")) at = at?.children()[unescaped(name)];
  return at ?? null;
}

const REF = Symbol("reference of the durable engine");

/** XState makes an actor of its own for each stand-in; it leads to ours. */
export function bindRef(actor: object, ref: ActorRef): void {
  (actor as { [REF]?: ActorRef })[REF] = ref;
}

export function refOf(actor: unknown): ActorRef | null {
  if (actor instanceof ActorRef) return actor;
  return typeof actor === "object" && actor !== null ? ((actor as { [REF]?: ActorRef })[REF] ?? null) : null;
}

/** The same value with other references; what holds none is kept as it is. */
export function replaceRefs(value: unknown, replace: (ref: object) => unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (isActorRef(value)) return replace(value);
  if (Array.isArray(value)) {
    const parts = value.map((part) => replaceRefs(part, replace));
    return parts.some((part, at) => part !== value[at]) ? parts : value;
  }
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  let copy: Record<string, unknown> | null = null;
  for (const [key, part] of Object.entries(value)) {
    const replaced = replaceRefs(part, replace);
    if (replaced !== part) copy = { ...(copy ?? value), [key]: replaced };
  }
  return copy ?? value;
}

/** References are stored as `{ xstate$$type: 1, id, key }`; those of actors that are gone are undefined. */
export function reviveRefs(value: unknown, find: (marker: { id: string; key?: string }) => unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if ((value as { xstate$$type?: unknown }).xstate$$type === 1) return find(value as never);
  if (value instanceof ActorRef) return value;
  for (const key of Object.keys(value)) {
    const part = (value as Record<string, unknown>)[key];
    if (typeof part === "object" && part !== null)
      (value as Record<string, unknown>)[key] = reviveRefs(part, find);
  }
  return value;
}
