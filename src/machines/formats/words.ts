import type { AnyStateNode } from "xstate";

/** A transition of a machine in plain words, however it is drawn. */
export interface Arrow {
  readonly source: AnyStateNode;
  /** As the machine names it, e.g. `xstate.done.actor.claimJob`; empty for an eventless one. */
  readonly event: string;
  readonly guard: string | null;
  /** Null: the state stays as it is. */
  readonly target: AnyStateNode | null;
  readonly actions: readonly string[];
  readonly isReentering: boolean;
  readonly description: string | null;
}

/** Every state of the machine, containers before what they contain. */
export function statesOf(root: AnyStateNode): readonly AnyStateNode[] {
  return [root, ...Object.values(root.states).flatMap(statesOf)];
}

/** The transitions of one state, candidates for the same event in the order in which they are tried. */
export function arrowsOf(source: AnyStateNode): readonly Arrow[] {
  const found = [...source.transitions].flatMap(([event, candidates]) =>
    candidates.map((candidate) => [event, candidate] as const),
  );
  const eventless = (source.always ?? []).map((candidate) => ["", candidate] as const);
  return [...found, ...eventless].map(([event, candidate]) => ({
    source,
    event,
    guard: candidate.guard === undefined ? null : nameOf(candidate.guard),
    target: candidate.target?.[0] ?? null,
    actions: candidate.actions.map(nameOf),
    isReentering: candidate.reenter,
    description: candidate.description ?? null,
  }));
}

/** Of an action, a guard or an actor: its name, or what was written where a name belongs. */
export function nameOf(named: unknown): string {
  if (typeof named === "string") return named;
  const { type, name } = named as { type?: unknown; name?: unknown };
  if (typeof type === "string") return type;
  return typeof name === "string" && name !== "" ? name : "inline";
}
