import type { AnyMachineSnapshot } from "xstate";
import { ActorRef, type ActorState } from "./actor-ref.ts";
import type { PreparedMachine } from "./prepared-machine.ts";

/** A machine's snapshot as XState persists it; of children that have rows of their own only how they stand. */
export function persistMachine(snapshot: AnyMachineSnapshot): object {
  const { status, output, error, value, context, children, historyValue } = snapshot;
  const kept: Record<string, object> = {};
  for (const [id, child] of Object.entries(children as unknown as Record<string, ActorRef | undefined>)) {
    if (child !== undefined) kept[id] = persistChild(child);
  }
  return {
    status,
    output,
    error,
    value,
    historyValue: persistHistory(historyValue),
    context,
    children: kept,
  };
}

/** How a child is kept in its parent's snapshot. */
export function persistChild({ kind, state, src, systemId, _syncSnapshot: syncSnapshot }: ActorRef): object {
  const isElsewhere = (kind === "machine" || kind === "pure") && state.status === "active";
  const { _subscription, machine, ...plain } = state as ActorState & {
    _subscription?: unknown;
    machine?: unknown;
  };
  const { status, output, error } = state;
  const snapshot = isElsewhere ? { status } : kind === "leaf" ? plain : { status, output, error };
  return { snapshot, src, systemId, syncSnapshot };
}

export function persistHistory(history: unknown): object {
  const lists = Object.entries((history ?? {}) as Record<string, readonly { id: string }[]>);
  return Object.fromEntries(lists.map(([key, nodes]) => [key, nodes.map(({ id }) => ({ id }))]));
}

/** What `persistMachine` made, read back. */
export interface PersistedMachine extends ActorState {
  readonly value: unknown;
  readonly historyValue?: Readonly<Record<string, readonly { readonly id: string }[]>>;
  readonly children?: Readonly<
    Record<string, { snapshot: ActorState; src: string; systemId?: string; syncSnapshot?: boolean }>
  >;
}

/**
 * Puts a machine where it stood. `restoreChild` gives a child that has a state of its own, or null for a leaf. Throws
 * where the text names a state or an actor that this machine has not.
 */
export function restoreMachine(
  ref: ActorRef,
  kept: PersistedMachine,
  restoreChild: (child: ActorRef) => void,
): void {
  const { machine } = ref.prepared as PreparedMachine;
  const history = Object.entries(kept.historyValue ?? {}).map(([key, nodes]) => [
    key,
    nodes.map(({ id }) => machine.getStateNodeById(id)),
  ]);
  const { value, context, status, output, error } = kept;
  const config = { value, context, status, output, error, historyValue: Object.fromEntries(history) };
  const snapshot = machine.resolveState(config as never) as AnyMachineSnapshot;
  ref.state = { ...snapshot, status } as never;
  const children = (ref.state as AnyMachineSnapshot).children as unknown as Record<string, ActorRef>;
  for (const [id, { snapshot: state, src, systemId, syncSnapshot }] of Object.entries(kept.children ?? {})) {
    const of = {
      id,
      src,
      kind: "leaf",
      state,
      ...(systemId && { systemId }),
      ...(syncSnapshot && { syncSnapshot }),
    } as const;
    const child = new ActorRef(ref.system, ref, of);
    child.isStarted = true;
    child.isStopped = state.status !== "active";
    child.input = (state as { input?: unknown }).input;
    children[id] = child;
    restoreChild(child);
  }
}
