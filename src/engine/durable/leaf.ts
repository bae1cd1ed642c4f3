import { type ActorLogic, type AnyActorLogic, createActor, type EventObject } from "xstate";
import type { Clock } from "../../domain/ports.ts";

type LeafSnapshot = { status: "active" | "stopped"; output: undefined; error: undefined };

/**
 * Runs one actor logic on its own and tells everything it would have told its parent: events of streams,
 * `xstate.done.actor.<id>`, `xstate.error.actor.<id>`. Returns what stops it.
 *
 * An actor only speaks to a parent, and only its parent may stop it; so each leaf gets a parent whose whole
 * logic is to pass on what it hears. Nothing but XState's public actor-logic interface is used.
 */
export function runLeaf(
  logic: AnyActorLogic,
  leaf: { id: string; input: unknown; clock: Clock; tell: (event: EventObject) => void },
): () => void {
  const listener: ActorLogic<LeafSnapshot, EventObject, undefined> = {
    getInitialSnapshot: () => ({ status: "active", output: undefined, error: undefined }),
    getPersistedSnapshot: (snapshot) => snapshot,
    start: (_, scope) => {
      const child = createActor(logic, { id: leaf.id, input: leaf.input as never, parent: scope.self });
      stopChild = () => scope.stopChild(child);
      child.start();
    },
    transition: (snapshot, event) => {
      if (event.type === "xstate.stop") {
        stopChild();
        return { ...snapshot, status: "stopped" };
      }
      leaf.tell(event);
      return snapshot;
    },
  };
  let stopChild = () => {};
  const parent = createActor(listener, {
    clock: {
      setTimeout: (fn: () => void, ms: number) => leaf.clock.setTimeout(fn, ms),
      clearTimeout: (id: unknown) => leaf.clock.clearTimeout(id),
    },
  });
  parent.start();
  return () => void parent.stop();
}
