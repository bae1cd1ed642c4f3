import type { EventObject } from "xstate";
import type { Intent } from "../domain/run.ts";
import type { ActorRef } from "./actor-ref.ts";
import type { Effect } from "./effects.ts";
import type { Values } from "./plain-event.ts";
import type { StepRecord } from "./step-record.ts";

/**
 * What the actors of one run have open in the world: their leaves and their timers. Each actor carries its own; a step
 * that opens or closes one records its owner as changed, so that it is stored with the state that decided it.
 */
export class OpenIntents {
  /** Which leaf an intent is of, where several had one name after the other. */
  readonly leaves = new Map<string, ActorRef>();
  readonly #run: string;
  readonly #values: Values;

  constructor(run: string, values: Values) {
    this.#run = run;
    this.#values = values;
  }

  startLeaf(step: StepRecord, ref: ActorRef): void {
    const { id: child, src, systemId, _syncSnapshot: syncSnapshot } = ref;
    const input = this.#values.textOf(ref.input ?? null, `The input of the actor "${child}"`);
    this.#open(step, ref._parent as ActorRef, ref, {
      child,
      kind: "start",
      src,
      input,
      dueAtMs: null,
      ...(systemId && { systemId }),
      ...(syncSnapshot && { syncSnapshot }),
    });
    ref.input = undefined;
  }

  /** Its parent lets the leaf go; it is stopped after the commit. */
  closeLeaf(step: StepRecord, ref: ActorRef): void {
    const owner = ref._parent as ActorRef;
    const intent = owner.intents.find(
      ({ child, kind, key }) => kind === "start" && child === ref.id && this.leaves.get(key) === ref,
    );
    if (intent !== undefined) this.close(step, owner, intent.key, true);
  }

  /** A message for a leaf: counted in its intent, logged, and given to it after the commit. */
  sendToLeaf(step: StepRecord, ref: ActorRef, event: EventObject): void {
    const owner = ref._parent as ActorRef;
    const intent = owner.intents.find(({ key }) => this.leaves.get(key) === ref);
    if (intent === undefined) return;
    const text = this.#values.textOf(event, `The event "${event.type}"`);
    const got = (intent.messages ?? 0) + 1;
    owner.intents = owner.intents.map((one) => (one === intent ? { ...intent, messages: got } : one));
    step.changed.add(owner);
    step.messages.push({ actor: ref.key, type: event.type, value: null, event: text });
    step.outside.push({ kind: "message", key: intent.key, text, at: got });
  }

  setTimer(
    step: StepRecord,
    self: ActorRef,
    { child, event, delayMs, to }: Effect & { kind: "timer" },
  ): void {
    if (child !== undefined) detachTimers(self, child);
    const input = this.#values.textOf(event, `The event "${event.type}"`);
    const waitMs = Number.isNaN(delayMs) ? 0 : Math.max(0, delayMs);
    const dueAtMs = waitMs === Number.POSITIVE_INFINITY ? null : step.atMs + waitMs;
    const target = to === self ? {} : { target: to.key };
    this.#open(step, self, null, {
      child: child ?? `raise.${event.type}`,
      kind: "timer",
      src: "timer",
      input,
      dueAtMs,
      ...target,
    });
  }

  cancelTimers(step: StepRecord, self: ActorRef, name: string): void {
    for (const { kind, child, key, isDetached } of self.intents) {
      if (kind === "timer" && child === name && !isDetached) this.close(step, self, key, true);
    }
  }

  /** A timer rang: its name stands for none any more. */
  rung(owner: ActorRef, key: string): void {
    const timer = owner.intents.find((intent) => intent.key === key && intent.kind === "timer");
    if (timer !== undefined) detachTimers(owner, timer.child);
  }

  /** The intent is no longer open. With `isStopped`, what runs for it is stopped after the commit. */
  close(step: StepRecord, owner: ActorRef, key: string, isStopped = false): void {
    owner.intents = owner.intents.filter((intent) => intent.key !== key);
    this.leaves.delete(key);
    step.changed.add(owner);
    if (isStopped) step.drop(key);
  }

  #open(step: StepRecord, owner: ActorRef, ref: ActorRef | null, of: Omit<Intent, "key" | "run">): void {
    const name = owner.key === "" ? of.child : `${owner.key}/${of.child}`;
    const first = `${this.#run}/${step.sequence}/${name}`;
    let key = first;
    for (let n = 2; owner.intents.some((intent) => intent.key === key); n += 1) key = `${first}~${n}`;
    const intent = { key, run: this.#run, ...of };
    owner.intents = [...owner.intents, intent];
    if (ref !== null) this.leaves.set(key, ref);
    step.changed.add(owner);
    step.outside.push({ kind: "open", intent, owner, ref });
  }
}

/** As in XState, a name stands for the timer that took it last, and for none once a timer of that name rang. */
function detachTimers(owner: ActorRef, name: string): void {
  const isNamed = ({ kind, child, isDetached }: Intent) => kind === "timer" && child === name && !isDetached;
  if (!owner.intents.some(isNamed)) return;
  owner.intents = owner.intents.map((one) => (isNamed(one) ? { ...one, isDetached: true } : one));
}
