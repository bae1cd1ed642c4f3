import type { AnyActorLogic, AnyMachineSnapshot, AnyStateMachine, EventObject } from "xstate";
import { SlowwaveError } from "../domain/failure.ts";
import { ActorNames } from "./actor-names.ts";
import { ActorRef, type ActorState, findActor, reviveRefs } from "./actor-ref.ts";
import { type Effect, errorEvent } from "./effects.ts";
import { Leaf } from "./leaf.ts";
import { OpenIntents } from "./open-intents.ts";
import type { PlainEvent, Values } from "./plain-event.ts";
import type { PreparedMachine } from "./prepared-machine.ts";
import { NO_STEP, StepRecord, type SystemStep, snapshotEvent } from "./step-record.ts";
import { beginActor, dotted, type StepSystem, stepActor } from "./transition.ts";

/** What the actor systems of an engine share. */
export interface SystemWorld {
  readonly values: Values;
  prepare(machine: AnyStateMachine): PreparedMachine;
}

/** The run that a system of actors belongs to. */
export interface SystemHost {
  /** An event from custom actions, and from whoever holds a reference. */
  enqueueFromInside(target: ActorRef, event: EventObject): void;
}

/** Messages that the actors of a run may send each other in one step; more is taken for an endless exchange. */
const MAX_MESSAGES = 10_000;

/**
 * The actors of one run that have a state: the root machine, and all child machines. An event goes to one of them;
 * what they send each other because of it is handled at once, in the order in which XState would handle it, and all of
 * it is one step. What it asks of the world is collected, to be done after the commit.
 */
export class ActorSystem implements StepSystem {
  readonly run: string;
  readonly root: ActorRef;
  readonly intents: OpenIntents;
  readonly #world: SystemWorld;
  /** Overrides of the root machine's own actors. */
  readonly #actors: Readonly<Record<string, AnyActorLogic>>;
  #names: ActorNames | null = null;
  /** Owners of intents that were settled without a commit: stored with the next one. */
  #unsaved: Set<ActorRef> | null = null;
  /** Of the step that is being taken; let go with it, as a run that waits for days has no use for it. */
  #step: StepRecord = NO_STEP;
  readonly #host: SystemHost;

  constructor(
    world: SystemWorld,
    run: string,
    machine: AnyStateMachine,
    actors: Readonly<Record<string, AnyActorLogic>>,
    host: SystemHost,
  ) {
    this.#world = world;
    this.#actors = actors;
    this.#host = host;
    this.run = run;
    this.intents = new OpenIntents(run, world.values);
    const of = { id: machine.id, src: machine.id, kind: "machine", state: { status: "active" } } as const;
    this.root = new ActorRef(this, undefined, of);
    this.root.prepared = world.prepare(machine);
    this.root.isStarted = true;
  }

  get values(): Values {
    return this.#world.values;
  }

  get snapshot(): AnyMachineSnapshot {
    return this.root.state as AnyMachineSnapshot;
  }

  // What XState and the machines ask of a system.
  _register(id: string): string {
    return id;
  }

  _sendInspectionEvent(): void {}

  _bookId(): string {
    this.#step.booked += 1;
    return `${this.#step.sequence}.${this.#step.booked}`;
  }

  /** Called by XState with an actor of its own first, then here with ours. */
  _set(systemId: string, actor: object): void {
    this.#names ??= new ActorNames();
    this.#names.set(systemId, actor);
  }

  _unregister(ref: ActorRef): void {
    this.#names?.free(ref);
  }

  _relay(source: unknown, target: ActorRef, event: EventObject): void {
    if (source instanceof Leaf) source.relay(target, event);
    else this.#host.enqueueFromInside(target, event);
  }

  get(systemId: string): ActorRef | undefined {
    return this.#names?.get(systemId);
  }

  getAll(): Record<string, ActorRef> {
    return this.#names?.all() ?? {};
  }

  deliver(target: ActorRef, event: EventObject): void {
    this.#host.enqueueFromInside(target, event);
  }

  prepare(machine: AnyStateMachine): PreparedMachine {
    return this.#world.prepare(machine);
  }

  logicOf(owner: ActorRef, src: string): AnyActorLogic | undefined {
    const own = owner.prepared?.logics[src];
    return owner === this.root ? (this.#actors[src] ?? own) : own;
  }

  /** The first step: the root machine begins. What throws in it is thrown. */
  begin(input: unknown, at: { sequence: number; atMs: number }): SystemStep {
    this.#step = new StepRecord(at);
    const { root } = this;
    const { state, effects } = beginActor(root, input);
    if (state.status === "error") throw state.error;
    this.#moved(root, state);
    root.isBusy = true;
    this.#startChildren(root);
    this.#flush(root, effects);
    this.#report(root, null);
    this.#drain(root);
    return this.#close(root);
  }

  /**
   * Null when no actor changes, and nothing is asked for. What throws in the root machine is thrown. `ended` is the
   * intent whose last word the event is: it is settled, with the next commit where this makes none.
   */
  step(
    target: ActorRef,
    event: EventObject,
    at: { sequence: number; atMs: number; ended?: { owner: ActorRef; key: string } | null },
  ): SystemStep | null {
    this.#step = new StepRecord(at);
    if (at.ended) this.intents.rung(at.ended.owner, at.ended.key);
    if (!target.isStopped) this.#take(target, event, false);
    const isNothing = this.#step.isEmpty;
    if (at.ended) this.#closeEnded(at.ended);
    if (!isNothing) return this.#close(target);
    this.#step = NO_STEP;
    return null;
  }

  #closeEnded({ owner, key }: { owner: ActorRef; key: string }): void {
    const leaf = this.intents.leaves.get(key);
    if (leaf !== undefined) leaf.isStopped = true;
    if (!owner.intents.some((intent) => intent.key === key)) return;
    this.intents.close(this.#step, owner, key);
    this.#unsaved ??= new Set();
    this.#unsaved.add(owner);
  }

  #close(target: ActorRef): SystemStep {
    const { messages, removed, changed, outside } = this.#step;
    for (const owner of this.#unsaved ?? []) changed.add(owner);
    this.#unsaved = null;
    this.#step = NO_STEP;
    return { value: stateValueOf(target), messages, removed, changed, outside };
  }

  /** Each actor handles one event after the other; what comes while it is at work waits, as in XState. */
  #relay(target: ActorRef, event: EventObject): void {
    if (target.isStopped) return;
    if (target.kind === "leaf" || target.kind === "missing") {
      this.intents.sendToLeaf(this.#step, target, event);
      return;
    }
    if (target.isBusy || !target.isStarted) {
      if (target.mailbox.length === 0) target.mailbox = [];
      target.mailbox.push(event);
      return;
    }
    this.#take(target, event, true);
  }

  #take(target: ActorRef, event: EventObject, isMessage: boolean): void {
    target.isBusy = true;
    try {
      this.#handle(target, event, isMessage);
      this.#drain(target);
    } finally {
      target.isBusy = false;
    }
  }

  #drain(target: ActorRef): void {
    target.isBusy = true;
    while (target.mailbox.length > 0) {
      const next = target.mailbox.shift() as EventObject;
      if (!target.isStopped) this.#handle(target, next, true);
    }
    target.isBusy = false;
  }

  #handle(target: ActorRef, event: EventObject, isMessage: boolean): void {
    this.#step.handled += 1;
    if (this.#step.handled > MAX_MESSAGES) {
      const message = `The actors of run ${this.run} sent each other more than ${MAX_MESSAGES} messages because of one event.`;
      throw new SlowwaveError("endless_exchange", message);
    }
    if (event === STOP) {
      this.#stop(target);
      return;
    }
    let step: { state: ActorState; effects: readonly Effect[] } | null;
    try {
      step = stepActor(target, event);
    } catch (error) {
      if (target === this.root) throw error;
      if (isMessage) this.#logMessage(target, event);
      this.#fail(target, error);
      return;
    }
    if (step === null) {
      if (isMessage) this.#logMessage(target, event);
      return;
    }
    this.#moved(target, step.state);
    if (isMessage) this.#logMessage(target, event);
    this.#flush(target, step.effects);
    this.#report(target, event);
  }

  #moved(ref: ActorRef, state: ActorState): void {
    ref.state = state;
    this.#step.changed.add(ref);
  }

  #logMessage(target: ActorRef, event: EventObject): void {
    const plain = event.type.startsWith("xstate.snapshot.") ? snapshotEvent(event) : event;
    const text = this.#world.values.textOf(plain, `The event "${event.type}"`);
    this.#step.messages.push({
      actor: target.key || null,
      type: event.type,
      value: stateValueOf(target),
      event: text,
    });
  }

  /** Custom actions first, which XState runs in the middle of the transition; then all else in its order. */
  #flush(self: ActorRef, effects: readonly Effect[]): void {
    const { key } = self;
    for (const effect of effects) {
      if (effect.kind === "act") this.#step.outside.push(effect);
      else if (effect.kind === "log") this.#step.outside.push({ ...effect, actor: key });
    }
    for (const effect of effects) {
      switch (effect.kind) {
        case "start":
          this.#start(effect.ref);
          break;
        case "send":
          this.#relay(effect.to, effect.event);
          break;
        case "timer":
          this.intents.setTimer(this.#step, self, effect);
          break;
        case "stop":
          if (effect.ref === null) this.intents.cancelTimers(this.#step, self, effect.child);
          else this.#letGo(effect.ref);
          break;
        case "emit":
          this.#step.outside.push({ kind: "emit", actor: key, event: effect.event });
          break;
      }
    }
  }

  #startChildren(ref: ActorRef): void {
    for (const child of Object.values(ref.children())) {
      if (child?.state.status === "active") this.#start(child);
    }
  }

  #start(ref: ActorRef): void {
    if (ref.isStopped || ref.isStarted) return;
    ref.isStarted = true;
    if (ref.systemId !== undefined) this._set(ref.systemId, ref);
    if (ref.kind === "leaf" || ref.kind === "missing") {
      this.intents.startLeaf(this.#step, ref);
      return;
    }
    const effects = ref.pending as readonly Effect[];
    ref.pending = [];
    ref.input = undefined;
    this.#step.changed.add(ref);
    if (ref.state.status === "error") {
      this.#fail(ref, ref.state.error);
      return;
    }
    ref.isBusy = true;
    this.#startChildren(ref);
    this.#flush(ref, effects);
    this.#report(ref, null);
    this.#drain(ref);
  }

  /** After a step of its own: its parent hears of it, and of its end. */
  #report(ref: ActorRef, event: EventObject | null): void {
    const parent = ref._parent;
    const { status } = ref.state;
    if (parent === undefined || ref.isStopped) {
      if (status !== "active") this.#end(ref);
      return;
    }
    if (ref._syncSnapshot && status === "active" && event !== STOP) {
      this.#relay(parent, { type: `xstate.snapshot.${ref.id}`, snapshot: ref.state } as EventObject);
    }
    if (status === "done") {
      this.#end(ref);
      const { output } = ref.state;
      this.#relay(parent, { type: `xstate.done.actor.${ref.id}`, output, actorId: ref.id } as EventObject);
    } else if (status === "error") this.#fail(ref, ref.state.error);
  }

  /** A child that throws ends; its parent is told. */
  #fail(ref: ActorRef, error: unknown): void {
    this.#moved(ref, { ...ref.state, status: "error", error });
    this.#end(ref);
    if (ref._parent !== undefined) this.#relay(ref._parent, errorEvent(ref.id, error));
  }

  /** Its parent lets it go: what it was sent before is handled first. */
  #letGo(ref: ActorRef): void {
    if (ref.isStopped) return;
    if (ref.isBusy) ref.mailbox = [STOP];
    else this.#stop(ref);
  }

  #stop(ref: ActorRef): void {
    if (ref.kind !== "leaf") ref.state = { ...ref.state, status: "stopped" };
    this.#end(ref);
  }

  /** Nothing of it goes on: neither its timers nor its children. */
  #end(ref: ActorRef): void {
    if (ref.isStopped) return;
    ref.isStopped = true;
    ref.mailbox = [];
    this._unregister(ref);
    if (ref.kind === "leaf" || ref.kind === "missing") {
      this.intents.closeLeaf(this.#step, ref);
      return;
    }
    for (const child of Object.values(ref.children())) if (child !== undefined) this.#letGo(child);
    for (const { key } of ref.intents) this.#step.drop(key);
    ref.intents = [];
    this.#step.changed.delete(ref);
    // The root is what the run is: its state stays.
    if (ref === this.root || !ref.isStarted) this.#step.changed.add(ref);
    else this.#step.removed.push(ref.key);
    if (ref._parent !== undefined) this.#step.changed.add(ref._parent);
  }

  /** A stored event as the actors see it: with references in place of what they are stored as. */
  revived({ event, text }: PlainEvent): EventObject {
    return hasRefs(text) ? this.#revive(event) : event;
  }

  /** A stored event, or input. */
  parse(text: string): unknown {
    const value = this.values.parse(text);
    return hasRefs(text) ? this.#revive(value) : value;
  }

  #revive<Value>(value: Value): Value {
    return reviveRefs(value, ({ key }) =>
      key === undefined ? undefined : findActor(this.root, key),
    ) as Value;
  }

  /** Every actor with a state that lives, parents first. */
  *living(from: ActorRef = this.root): Iterable<ActorRef> {
    yield from;
    for (const child of Object.values(from.children())) {
      if (child !== undefined && !child.isStopped && child.kind !== "leaf" && child.kind !== "missing")
        yield* this.living(child);
    }
  }
}

/** In an actor's mailbox: its parent let it go while it was at work. */
const STOP: EventObject = { type: "xstate.stop" };

function stateValueOf(ref: ActorRef): string {
  return ref.kind === "machine" ? dotted((ref.state as AnyMachineSnapshot).value) : ref.state.status;
}

/** Most texts hold no reference, and need no walk. */
function hasRefs(text: string): boolean {
  return text.includes('"xstate$$type"');
}
