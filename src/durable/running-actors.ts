import type { EventObject } from "xstate";
import { SlowwaveError } from "../domain/failure.ts";
import type { Intent, RunStore } from "../domain/run.ts";
import { type ActorRef, findActor } from "./actor-ref.ts";
import type { ActorSystem } from "./actor-system.ts";
import { errorEvent } from "./effects.ts";
import { Leaf } from "./leaf.ts";
import type { PlainEvent } from "./plain-event.ts";
import type { TimerWheel } from "./timer-wheel.ts";

/** An open intent in this process: what runs for it, if anything does yet. */
export interface RunningIntent {
  readonly intent: Intent;
  readonly owner: ActorRef;
  leaf: Leaf | null;
  stop(): void;
}

interface RunningWorld {
  readonly system: ActorSystem;
  readonly runs: Pick<RunStore, "messages">;
  readonly wheel: TimerWheel;
  /** From the actor or timer of an intent, to an actor of the run. */
  deliver(target: ActorRef, plain: PlainEvent, from: string): void;
  emitted(actor: string, event: EventObject): void;
}

const STOPPED = (): void => {};

/** Numbers of the messages that actors got, by event. */
const numbers = new WeakMap<EventObject, number>();

/**
 * Which message of its current invocation an actor's event is, from 1. An actor that is started again after a crash
 * gets the same messages with the same numbers, so that it can tell which of them it has dealt with. Null for any
 * other event.
 *
 * @example
 * ```ts
 * const mailer = fromCallback(({ receive }) => {
 *   receive((event) => sendOnce(`mail-${messageNumber(event)}`, event));
 * });
 * ```
 */
export function messageNumber(event: EventObject): number | null {
  return numbers.get(event) ?? null;
}

/** What runs for the open intents of one run: its leaves and its timers. */
export class RunningActors {
  readonly #world: RunningWorld;
  readonly #running = new Map<string, RunningIntent>();

  constructor(world: RunningWorld) {
    this.#world = world;
  }

  get(key: string): RunningIntent | undefined {
    return this.#running.get(key);
  }

  /** Its actor has ended, or its timer rung; nothing is left to stop. */
  close(key: string): void {
    this.#running.delete(key);
  }

  stop(key: string): void {
    const running = this.#running.get(key);
    this.#running.delete(key);
    running?.stop();
  }

  stopAll(): void {
    for (const key of [...this.#running.keys()]) this.stop(key);
  }

  /** A message for an actor that runs. One that waits to be tried again gets it when it is started. */
  receive(key: string, text: string, number: number): void {
    const leaf = this.#running.get(key)?.leaf;
    if (leaf) leaf.receive(this.#message(text, number));
  }

  /** Starts an actor or a timer, at once or when it is due. `messages`: what the actor got before. */
  open(intent: Intent, owner: ActorRef, messages: readonly EventObject[]): void {
    const running: RunningIntent = { intent, owner, leaf: null, stop: () => {} };
    this.#running.set(intent.key, running);
    const { dueAtMs, kind } = intent;
    if (kind === "timer") {
      // Without a due time it never rings.
      if (dueAtMs !== null) running.stop = this.#world.wheel.set(dueAtMs, () => this.#ring(running));
    } else if (dueAtMs !== null) {
      running.stop = this.#world.wheel.set(dueAtMs, () => this.#start(running, messages));
    } else this.#start(running, messages);
  }

  /** What the actor of an intent got so far, as it got it. */
  async messagesOf(run: string, { key, messages: limit = 0 }: Intent): Promise<readonly EventObject[]> {
    const actor = this.#world.system.leaves.get(key)?.key;
    if (limit === 0 || actor === undefined) return [];
    const rows = await this.#world.runs.messages({ run, actor, limit });
    return rows.map(({ data }, at) => this.#message(data, at + 1));
  }

  #message(text: string, number: number): EventObject {
    const event = this.#world.system.parse(text) as EventObject;
    numbers.set(event, number);
    return event;
  }

  #ring({ intent, owner }: RunningIntent): void {
    const { system, deliver } = this.#world;
    const { target, input: text, key } = intent;
    const to = target === undefined ? owner : findActor(system.root, target);
    deliver(to ?? owner, { event: system.values.parse(text) as EventObject, text }, key);
  }

  #start(running: RunningIntent, messages: readonly EventObject[]): void {
    const { system, emitted } = this.#world;
    const { intent, owner } = running;
    const { key, child, src, input } = intent;
    const ref = system.leaves.get(key);
    if (ref === undefined || this.#running.get(key) !== running) return;
    const logic = system.logicOf(owner, src);
    if (logic === undefined) {
      const missing = new SlowwaveError("actor_missing", `No actor is provided for "${src}".`);
      this.#report(running, errorEvent(child, missing));
      return;
    }
    const leaf = new Leaf(logic, ref, system.parse(input), {
      report: (event) => this.#report(running, event),
      deliver: (target, event) => system.deliver(target, event),
      emit: (event) => emitted(ref.key, event),
    });
    // It may have ended, or plain what cannot be recorded, while it began.
    if (this.#running.get(key) !== running || running.stop === STOPPED) {
      leaf.stop();
      return;
    }
    running.leaf = leaf;
    running.stop = () => leaf.stop();
    for (const event of messages) leaf.receive(event);
  }

  #report(running: RunningIntent, event: EventObject): void {
    const { system, deliver } = this.#world;
    const { key, child } = running.intent;
    let plain: PlainEvent;
    try {
      plain = system.values.plainEvent(event);
    } catch (error) {
      // What cannot be recorded is the actor's failure, and its end.
      running.stop();
      running.stop = STOPPED;
      plain = system.values.plainEvent(errorEvent(child, error));
    }
    deliver(running.owner, plain, key);
  }
}
