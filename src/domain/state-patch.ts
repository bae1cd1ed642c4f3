import type { Intent } from "./run.ts";

/**
 * What one step changed of a run's state, as JSON. Stores that keep it beside the step's event need not write the whole
 * state anew; from the last whole state and the patches since then they give back the state of now. It holds what came
 * out of the step, so nothing is computed a second time.
 */
export interface StatePatch {
  /** Absent: the same, here and below. */
  readonly value?: unknown;
  /** Parts of the context that may have changed. */
  readonly context?: Readonly<Record<string, unknown>>;
  /** Parts of the context that are gone. */
  readonly dropped?: readonly string[];
  /** Null: the child is gone. */
  readonly children?: Readonly<Record<string, unknown>>;
  readonly historyValue?: unknown;
  /** Opened, or open still and changed. */
  readonly opened?: readonly Intent[];
  /** Keys of intents that are open no more. */
  readonly closed?: readonly string[];
}

/** The whole state of a run: its root machine's snapshot as JSON text, and the open intents of that machine. */
export interface WholeState {
  readonly snapshot: string;
  readonly intents: readonly Intent[];
}

/** The state after these patches, oldest first, each a JSON text of `StatePatch`. */
export function applyPatches(state: WholeState, patches: readonly string[]): WholeState {
  if (patches.length === 0) return state;
  const snapshot = JSON.parse(state.snapshot) as Record<string, unknown>;
  let { intents } = state;
  for (const text of patches) {
    const patch = JSON.parse(text) as StatePatch;
    if (patch.value !== undefined) snapshot.value = patch.value;
    if (patch.historyValue !== undefined) snapshot.historyValue = patch.historyValue;
    snapshot.context = partsOf(snapshot.context, patch.context, patch.dropped);
    snapshot.children = childrenOf(snapshot.children, patch.children);
    intents = intentsOf(intents, patch);
  }
  return { snapshot: JSON.stringify(snapshot), intents };
}

function partsOf(before: unknown, changed: StatePatch["context"], dropped: StatePatch["dropped"]): unknown {
  if (changed === undefined && dropped === undefined) return before;
  const parts = { ...(before as Record<string, unknown>), ...changed };
  for (const name of dropped ?? []) delete parts[name];
  return parts;
}

function childrenOf(before: unknown, changed: StatePatch["children"]): unknown {
  if (changed === undefined) return before;
  const children = { ...(before as Record<string, unknown>) };
  for (const [id, child] of Object.entries(changed)) {
    // One that takes the name of another comes after those that stayed, as it does in the machine.
    delete children[id];
    if (child !== null) children[id] = child;
  }
  return children;
}

function intentsOf(before: readonly Intent[], { opened = [], closed = [] }: StatePatch): readonly Intent[] {
  if (opened.length === 0 && closed.length === 0) return before;
  const changed = new Map(opened.map((intent) => [intent.key, intent]));
  const left = before.filter(({ key }) => !closed.includes(key));
  const known = new Set(left.map(({ key }) => key));
  return [
    ...left.map((intent) => changed.get(intent.key) ?? intent),
    ...opened.filter(({ key }) => !known.has(key)),
  ];
}
