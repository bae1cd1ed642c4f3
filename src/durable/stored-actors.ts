import type { AnyMachineSnapshot, AnyStateMachine } from "xstate";
import type { ActorRow, Intent } from "../domain/run.ts";
import { ActorRef, findActor, reviveRefs } from "./actor-ref.ts";
import type { ActorSystem } from "./actor-system.ts";
import { type PersistedMachine, persistMachine, restoreMachine } from "./persisted-machine.ts";

/** The root machine's snapshot as text. Throws `not_json` where it cannot be kept. */
export function rootText({
  values,
  snapshot,
  run,
}: Pick<ActorSystem, "values" | "snapshot" | "run">): string {
  return values.textOf(persistMachine(snapshot), `The state of run ${run}`);
}

/** What is stored of the child actors that a step changed. */
export function rowsOf({ values, root }: ActorSystem, changed: ReadonlySet<ActorRef>): readonly ActorRow[] {
  const rows: ActorRow[] = [];
  for (const ref of changed) {
    if (ref === root || ref.isStopped || !ref.isStarted) continue;
    const { key, src, systemId, _syncSnapshot: syncSnapshot, kind, intents } = ref;
    const state = kind === "machine" ? persistMachine(ref.state as AnyMachineSnapshot) : ref.state;
    const kept = { src, kind, systemId, syncSnapshot, state };
    rows.push({ key, intents, snapshot: values.textOf(kept, `The state of the actor "${key}"`) });
  }
  return rows;
}

/** Puts the actors of a system where a stored run stands. Throws where it names what its machines have not. */
export function restoreActors(
  system: ActorSystem,
  { text, intents, rows }: { text: string; intents: readonly Intent[]; rows: readonly ActorRow[] },
): void {
  const { values, root } = system;
  const byKey = new Map(rows.map((row) => [row.key, row]));
  const restoreChild = (child: ActorRef): void => {
    const row = byKey.get(child.key);
    if (child.systemId !== undefined && !child.isStopped) system._set(child.systemId, child);
    if (row === undefined || child.isStopped) return;
    const kept = values.parse(row.snapshot) as { kind: "machine" | "pure"; state: PersistedMachine };
    const logic = system.logicOf(child._parent as ActorRef, child.src);
    if (logic === undefined) throw new Error(`No actor is provided for "${child.src}".`);
    child.kind = kept.kind;
    child.intents = row.intents;
    if (kept.kind === "machine") {
      child.prepared = system.prepare(logic as AnyStateMachine);
      restoreMachine(child, kept.state, restoreChild);
    } else {
      child.logic = logic;
      child.state = kept.state;
    }
  };
  restoreMachine(root, values.parse(text) as PersistedMachine, restoreChild);
  root.intents = intents;
  revive(system, root);
}

/** References in contexts lead to the restored actors, and their leaves to their intents. */
function revive(system: ActorSystem, ref: ActorRef): void {
  for (const intent of ref.intents) {
    if (intent.kind !== "start") continue;
    const child = ref.children()[intent.child];
    system.intents.leaves.set(intent.key, child?.kind === "leaf" ? child : orphanOf(ref, intent));
  }
  if (ref.kind !== "machine") return;
  const state = ref.state as AnyMachineSnapshot;
  const find = ({ id, key }: { id: string; key?: string }) =>
    (key === undefined ? null : findActor(system.root, key)) ?? ref.children()[id];
  (state as { context: unknown }).context = reviveRefs(state.context, find);
  for (const child of Object.values(ref.children())) revive(system, child);
}

/** A leaf whose name another actor took. */
function orphanOf(owner: ActorRef, { child: id, src, systemId, syncSnapshot }: Intent): ActorRef {
  const of = { id, src, kind: "leaf", state: { status: "active" } } as const;
  const named = { ...of, ...(systemId && { systemId }), ...(syncSnapshot && { syncSnapshot }) };
  const ref = new ActorRef(owner.system, owner, named);
  ref.isStarted = true;
  return ref;
}
