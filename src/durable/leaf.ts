import type { AnyActorLogic, EventObject } from "xstate";
import type { ActorRef, ActorState } from "./actor-ref.ts";
import { errorEvent } from "./effects.ts";

/** What a leaf says, and to whom where that is not its parent. */
export interface LeafHost {
  report(event: EventObject): void;
  /** To any other actor of the run, found by `system.get` or a reference. */
  deliver(target: ActorRef, event: EventObject): void;
  emit(event: EventObject): void;
}

/**
 * Actor logic at work beside the run: a promise, a callback, an observable. It is run by XState's actor-logic
 * interface alone; what it would tell its parent, it tells its host: events of streams, `xstate.done.actor.<id>`,
 * `xstate.error.actor.<id>`, and `xstate.snapshot.<id>` where its parent asked for that.
 */
export class Leaf {
  readonly id: string;
  readonly sessionId: string;
  readonly src: string;
  readonly systemId: string | undefined;
  readonly system: unknown;
  readonly _parent: ActorRef;
  readonly #logic: AnyActorLogic;
  readonly #host: LeafHost;
  readonly #isSynced: boolean;
  #state: ActorState = { status: "active" };
  #isStopped = false;

  /** Begins at once. What the logic throws while it begins is its failure. */
  constructor(logic: AnyActorLogic, ref: ActorRef, input: unknown, host: LeafHost) {
    this.id = ref.id;
    this.src = ref.src;
    this.systemId = ref.systemId;
    this.sessionId = ref.key;
    this.system = ref.system;
    this._parent = ref._parent as ActorRef;
    this.#logic = logic;
    this.#host = host;
    this.#isSynced = ref._syncSnapshot === true;
    try {
      this.#state = logic.getInitialSnapshot(this as never, input as never) as ActorState;
      if (this.#state.status === "active") logic.start?.(this.#state as never, this as never);
    } catch (error) {
      this.#state = { ...this.#state, status: "error", error };
    }
    this.#report();
  }

  // What logic asks of its scope. Thousands of leaves may live at once, so what few of them use is made when it is asked for.
  get self(): this {
    return this;
  }
  get ref(): this {
    return this;
  }
  logger(): void {}
  stopChild(): void {}
  actionExecutor(): void {}
  defer(work: () => void): void {
    work();
  }
  get emit(): (event: EventObject) => void {
    return (event) => {
      if (!this.#isStopped) this.#host.emit(event);
    };
  }

  getSnapshot(): ActorState {
    return this.#state;
  }

  send(event: EventObject): void {
    this.receive(event);
  }

  /** From itself to itself, to its parent, or to any actor of the run. */
  relay(target: unknown, event: EventObject): void {
    if (target === this) this.receive(event);
    else if (this.#isStopped) return;
    else if (target === this._parent) this.#host.report(event);
    else this.#host.deliver(target as ActorRef, event);
  }

  receive(event: EventObject): void {
    if (this.#isStopped || this.#state.status !== "active") return;
    try {
      const before = this.#state;
      this.#state = this.#logic.transition(before as never, event, this as never) as ActorState;
      if (this.#state === before) return;
    } catch (error) {
      this.#state = { ...this.#state, status: "error", error };
    }
    this.#report();
  }

  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    if (this.#state.status !== "active") return;
    this.#state = this.#logic.transition(
      this.#state as never,
      { type: "xstate.stop" },
      this as never,
    ) as ActorState;
  }

  #report(): void {
    if (this.#isStopped) return;
    const { status, output, error } = this.#state;
    if (this.#isSynced && status === "active") {
      const snapshot = this.#logic.getPersistedSnapshot(this.#state as never) as object;
      this.#host.report({
        type: `xstate.snapshot.${this.id}`,
        snapshot: withoutInput(snapshot),
      } as EventObject);
    }
    if (status === "done") {
      this.#host.report({ type: `xstate.done.actor.${this.id}`, output, actorId: this.id } as EventObject);
    } else if (status === "error") this.#host.report(errorEvent(this.id, error));
  }
}

function withoutInput(snapshot: object): object {
  const { input: _, ...rest } = snapshot as { input?: unknown };
  return rest;
}
