import type { EventObject } from "xstate";
import type { Intent, RunMessage } from "../domain/run.ts";
import type { ActorRef, ActorState } from "./actor-ref.ts";

/** What a step of a run asks of the world, in the order in which the run's actors decided on it. */
export type Outside =
  | {
      readonly kind: "open";
      readonly intent: Intent;
      readonly owner: ActorRef;
      readonly ref: ActorRef | null;
    }
  | { readonly kind: "close"; readonly key: string }
  | { readonly kind: "message"; readonly key: string; readonly text: string; readonly at: number }
  | { readonly kind: "emit"; readonly actor: string; readonly event: EventObject }
  | {
      readonly kind: "log";
      readonly actor: string;
      readonly label: string | undefined;
      readonly value: unknown;
    }
  | { readonly kind: "act"; readonly run: () => void };

/** What one event led to in all actors of a run. */
export interface SystemStep {
  /** Dotted state value of the actor that the event went to. */
  readonly value: string;
  readonly messages: readonly RunMessage[];
  readonly changed: ReadonlySet<ActorRef>;
  readonly removed: readonly string[];
  readonly outside: readonly Outside[];
}

/** What one step has come to so far. */
export class StepRecord {
  readonly sequence: number;
  readonly atMs: number;
  readonly messages: RunMessage[] = [];
  readonly changed = new Set<ActorRef>();
  readonly removed: string[] = [];
  outside: Outside[] = [];
  /** Names given to actors without one. */
  booked = 0;
  /** Events that actors of the run handled. */
  handled = 0;

  constructor({ sequence, atMs }: { sequence: number; atMs: number }) {
    this.sequence = sequence;
    this.atMs = atMs;
  }

  get isEmpty(): boolean {
    return this.changed.size === 0 && this.outside.length === 0 && this.messages.length === 0;
  }

  /** What runs for the intent is stopped after the commit; what is begun and ended within one step never was. */
  drop(key: string): void {
    const isOf = (one: Outside) =>
      (one.kind === "open" && one.intent.key === key) || (one.kind === "message" && one.key === key);
    const isNew = this.outside.some((one) => one.kind === "open" && one.intent.key === key);
    if (isNew) this.outside = this.outside.filter((one) => !isOf(one));
    else this.outside.push({ kind: "close", key });
  }
}

/** Between two steps. */
export const NO_STEP = new StepRecord({ sequence: 0, atMs: 0 });

/** As a machine's snapshot is logged: what it is, without the machine. */
export function snapshotEvent(event: EventObject): EventObject {
  const { snapshot } = event as EventObject & { snapshot?: ActorState };
  const { status, output, error, context } = snapshot ?? {};
  const value = (snapshot as { value?: unknown } | undefined)?.value;
  return { type: event.type, snapshot: { status, output, error, value, context } } as EventObject;
}
