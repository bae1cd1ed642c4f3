import type { EventObject } from "xstate";
import { SlowwaveError } from "../domain/failure.ts";
import type { Intent, RunStore } from "../domain/run.ts";
import { type ActorRef, findActor } from "./actor-ref.ts";
import type { ActorSystem } from "./actor-system.ts";
import { errorEvent } from "./effects.ts";
import { Leaf, type LeafHost } from "./leaf.ts";
import type { PlainEvent } from "./plain-event.ts";
import type { TimerWheel, WheelTimer } from "./timer-wheel.ts";

/** An open intent in this process: its leaf or timer, if that has begun. */
export class RunningIntent implements LeafHost {
  readonly intent: Intent;
  readonly owner: ActorRef;
  leaf: Leaf | null = null;
  isStopped = false;
  readonly #run: RunOfActors;
  #timer: WheelTimer | null = null;

  constructor(run: RunOfActors, intent: Intent, owner: ActorRef) {
    this.#run = run;
    this.intent = intent;
    this.owner = owner;
  }

  /** Rings when the wall clock has reached `dueAtMs`, unless it is stopped before. */
  wait(dueAtMs: number, ring: () => void): void {
    this.#timer = this.#run.wheel.set(dueAtMs, ring);
  }

  /** Stops its leaf and its timer, now or as soon as they are there. */
  stop(): void {
    this.isStopped = true;
    if (this.#timer !== null) this.#run.wheel.cancel(this.#timer);
    this.leaf?.stop();
  }

  report(event: EventObject): void {
    const { values } = this.#run.system;
    const { key, child } = this.intent;
    let plain: PlainEvent;
    try {
      plain = values.plainEvent(event);
    } catch (error) {
      // What cannot be recorded is the actor's failure, and its end.
      this.stop();
      plain = values.plainEvent(errorEvent(child, error));
    }
    this.#run.enqueue(this.owner, plain, key);
  }

  deliver(target: ActorRef, event: EventObject): void {
    this.#run.system.deliver(target, event);
  }

  emit(event: EventObject): void {
    const ref = this.#run.system.intents.leaves.get(this.intent.key);
    this.#run.emit(ref?.key ?? this.intent.child, event);
  }
}

/** The run that actors run for. */
export interface RunOfActors {
  readonly system: ActorSystem;
  readonly runs: Pick<RunStore, "messages">;
  readonly wheel: TimerWheel;
  /** An event from the actor or timer of the intent `from`, to an actor of the run. */
  enqueue(target: ActorRef, plain: PlainEvent, from: string): void;
  emit(actor: string, event: EventObject): void;
}

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
  readonly #run: RunOfActors;
  readonly #running = new Map<string, RunningIntent>();

  constructor(run: RunOfActors) {
    this.#run = run;
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
    const running = new RunningIntent(this.#run, intent, owner);
    this.#running.set(intent.key, running);
    const { dueAtMs, kind } = intent;
    if (kind === "timer") {
      // Without a due time it never rings.
      if (dueAtMs !== null) running.wait(dueAtMs, () => this.#ring(running));
    } else if (dueAtMs !== null) running.wait(dueAtMs, () => this.#start(running, messages));
    else this.#start(running, messages);
  }

  /** What the actor of an intent got so far, as it got it. */
  async messagesOf(run: string, { key, messages: limit = 0 }: Intent): Promise<readonly EventObject[]> {
    const actor = this.#run.system.intents.leaves.get(key)?.key;
    if (limit === 0 || actor === undefined) return [];
    const rows = await this.#run.runs.messages({ run, actor, limit });
    return rows.map(({ data }, at) => this.#message(data, at + 1));
  }

  #message(text: string, number: number): EventObject {
    const event = this.#run.system.parse(text) as EventObject;
    numbers.set(event, number);
    return event;
  }

  #ring({ intent, owner }: RunningIntent): void {
    const { system } = this.#run;
    const { target, input: text, key } = intent;
    const to = target === undefined ? owner : findActor(system.root, target);
    this.#run.enqueue(to ?? owner, { event: system.values.parse(text) as EventObject, text }, key);
  }

  #start(running: RunningIntent, messages: readonly EventObject[]): void {
    const { system } = this.#run;
    const { intent, owner } = running;
    const { key, child, src, input } = intent;
    const ref = system.intents.leaves.get(key);
    if (ref === undefined || this.#running.get(key) !== running) return;
    const logic = system.logicOf(owner, src);
    if (logic === undefined) {
      const missing = new SlowwaveError("actor_missing", `No actor is provided for "${src}".`);
      running.report(errorEvent(child, missing));
      return;
    }
    const leaf = new Leaf(logic, ref, system.parse(input), running);
    // It may have ended, or plain what cannot be recorded, while it began.
    if (this.#running.get(key) !== running || running.isStopped) {
      leaf.stop();
      return;
    }
    running.leaf = leaf;
    for (const event of messages) leaf.receive(event);
  }
}
