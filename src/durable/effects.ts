import type { EventObject, ExecutableActionObject } from "xstate";
import { type ActorRef, refOf, replaceRefs } from "./actor-ref.ts";
import { plainError } from "./plain-event.ts";
import { inlineActor } from "./prepared-machine.ts";

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

/** What a collected action may be: one of XState's, a start, or what pure logic emits. */
export type Collected =
  | ExecutableActionObject
  | { readonly type: "slowwave.start"; readonly ref: ActorRef }
  | { readonly type: "xstate.emit"; readonly params: { readonly event: EventObject } };

/** Null where there is nothing to do. `hasSpawned`: what is sent may hold actors of XState's own. */
export function effectOf(action: Collected, self: ActorRef, hasSpawned: boolean): Effect | null {
  if ("ref" in action) {
    const { ref } = action;
    return { kind: "start", child: ref.id, src: ref.src, input: ref.input ?? null, ref };
  }
  const params = action.params as Record<string, unknown> | undefined;
  if (!BUILT_IN.has(action.type)) {
    const { exec, info, params: given } = action as ExecutableActionObject;
    return { kind: "act", run: () => exec?.(info, given) };
  }
  const effect = builtIn(action.type, params, self, hasSpawned);
  if ("exec" in action) emptied(action);
  return effect;
}

const BUILT_IN = new Set([
  "xstate.spawnChild",
  "xstate.stopChild",
  "xstate.raise",
  "xstate.cancel",
  "xstate.sendTo",
  "xstate.emit",
  "xstate.log",
]);

function builtIn(
  type: string,
  params: Record<string, unknown> | undefined,
  self: ActorRef,
  hasSpawned: boolean,
): Effect | null {
  switch (type) {
    case "xstate.spawnChild":
      // Collected when it was made.
      if (typeof params?.src !== "string") throw inlineActor(`"${String(params?.id)}"`);
      return null;
    case "xstate.stopChild": {
      const ref = refOf(params);
      return ref === null ? null : { kind: "stop", child: ref.id, ref };
    }
    case "xstate.raise":
      // Without a delay it has been processed within this very step.
      return typeof params?.delay === "number" ? timer(params, self) : null;
    case "xstate.cancel":
      return { kind: "stop", child: String(params?.sendId), ref: null };
    case "xstate.sendTo": {
      const to = refOf(params?.to);
      if (params === undefined || to === null) return null;
      const event = sent(params.event as EventObject, self, hasSpawned);
      return typeof params.delay === "number" ? timer({ ...params, event }, to) : { kind: "send", to, event };
    }
    case "xstate.emit":
      return { kind: "emit", event: params?.event as EventObject };
    default:
      return { kind: "log", label: params?.label as string | undefined, value: params?.value };
  }
}

function timer(params: Record<string, unknown>, to: ActorRef): Effect {
  const child = params.id === undefined ? undefined : String(params.id);
  return { kind: "timer", child, event: params.event as EventObject, delayMs: params.delay as number, to };
}

/** As XState sends it: `escalate` is an error of the actor; references are ours. */
function sent(event: EventObject, self: ActorRef, hasSpawned: boolean): EventObject {
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
