import { type ActorLogic, type AnyActorLogic, type AnyActorRef, createActor, type EventObject } from "xstate";
import type { Clock } from "../domain/ports.ts";

type ListenerSnapshot = { status: "active" | "stopped"; output: undefined; error: undefined };

interface Listener {
  readonly self: AnyActorRef;
  child: AnyActorRef | null;
  tell(event: EventObject): void;
  stop(): void;
}

/** Returns what stops the leaf. */
export type RunLeaf = (
  logic: AnyActorLogic,
  leaf: { readonly id: string; readonly input: unknown; tell(event: EventObject): void },
) => () => void;

/**
 * Runs actor logic on its own and tells everything it would have told its parent: events of streams,
 * `xstate.done.actor.<id>`, `xstate.error.actor.<id>`.
 *
 * An actor only speaks to a parent, and only its parent may stop it; so each leaf gets a listener for a parent. A
 * leaf that ended by itself speaks no more, and its listener serves the next one. Nothing but XState's public
 * actor-logic interface is used.
 */
export function leaves(clock: Clock): RunLeaf {
  let idle: Listener | null = null;
  return (logic, { id, input, tell }) => {
    const listener = idle ?? listen(clock);
    idle = null;
    const child = createActor(logic, { id, input: input as never, parent: listener.self });
    listener.child = child;
    listener.tell = (event) => {
      if (child.getSnapshot().status !== "active") {
        listener.child = null;
        idle ??= listener;
      }
      tell(event);
    };
    child.start();
    return () => {
      if (listener.child === child) listener.stop();
    };
  };
}

/** An actor whose whole logic is to pass on what it hears of its child. */
function listen(clock: Clock): Listener {
  const logic: ActorLogic<ListenerSnapshot, EventObject, undefined> = {
    getInitialSnapshot: () => ({ status: "active", output: undefined, error: undefined }),
    getPersistedSnapshot: (snapshot) => snapshot,
    transition: (snapshot, event, scope) => {
      if (event.type !== "xstate.stop") {
        listener.tell(event);
        return snapshot;
      }
      if (listener.child !== null) scope.stopChild(listener.child);
      return { ...snapshot, status: "stopped" };
    },
  };
  const self = createActor(logic, {
    clock: {
      setTimeout: (fn: () => void, ms: number) => clock.setTimeout(fn, ms),
      clearTimeout: (id: unknown) => clock.clearTimeout(id),
    },
  });
  const listener: Listener = { self, child: null, tell: () => {}, stop: () => void self.stop() };
  self.start();
  return listener;
}
