import { createRequire, registerHooks } from "node:module";

/** A statechart as Stately's static extractor reads it from source text: XState 4's words. */
export interface ExtractedState {
  readonly id?: string;
  readonly initial?: string;
  readonly type?: string;
  readonly description?: string;
  readonly invoke?: ExtractedInvoke | readonly ExtractedInvoke[];
  readonly on?: Readonly<Record<string, Candidates>>;
  readonly states?: Readonly<Record<string, ExtractedState>>;
}
interface ExtractedInvoke {
  readonly id: string;
  readonly src: string;
  readonly onDone?: Candidates;
  readonly onError?: Candidates;
}
type Candidates = Candidate | readonly Candidate[];
interface Candidate {
  readonly target?: string;
  readonly cond?: { readonly type: string };
  readonly actions?: Named | readonly Named[];
  readonly description?: string;
}
interface Named {
  readonly action: { readonly type: string };
}

// The extractor needs two modules of XState 4, which lives here under another name.
registerHooks({
  resolve: (specifier, context, next) =>
    next(
      specifier.startsWith("xstate/lib/") ? specifier.replace("xstate/", "xstate-4/") : specifier,
      context,
    ),
});
const extractor = createRequire(import.meta.url)("@xstate/machine-extractor") as {
  extractMachinesFromFile(text: string): { machines: readonly { toConfig(): ExtractedState }[] };
};

export function extracted(source: string): ExtractedState {
  const { machines } = extractor.extractMachinesFromFile(source);
  if (machines.length !== 1) throw new Error(`${machines.length} machines were found, not one`);
  return (machines[0] as { toConfig(): ExtractedState }).toConfig();
}

/** What the extractor saw: each state with its kind, and each transition, in one line. */
export function linesOf(machine: ExtractedState): readonly string[] {
  const root = machine.id ?? "";
  const visit = (state: ExtractedState, path: readonly string[]): readonly string[] => {
    const name = path.join(".") || root;
    const invokes = [state.invoke ?? []].flat() as readonly ExtractedInvoke[];
    const on = Object.entries(state.on ?? {});
    const ends = invokes.flatMap(({ id, onDone, onError }) => [
      ...(onDone === undefined ? [] : [[`xstate.done.actor.${id}`, onDone] as const]),
      ...(onError === undefined ? [] : [[`xstate.error.actor.${id}`, onError] as const]),
    ]);
    return [
      `state ${name} ${state.type ?? (state.states === undefined ? "atomic" : `compound ${state.initial}`)}: ${state.description ?? ""}`,
      ...invokes.map(({ id, src }) => `invoke ${name} ${id} ${src}`),
      ...[...on, ...ends].flatMap(([event, candidates]) =>
        ([candidates].flat() as readonly Candidate[]).map((candidate) =>
          [
            `${name} ${event}`,
            candidate.cond === undefined ? "" : `[${candidate.cond.type}]`,
            `→ ${resolved(candidate.target, path, root)}`,
            ([candidate.actions ?? []].flat() as readonly Named[]).map(({ action }) => action.type).join(","),
            candidate.description ?? "",
          ].join(" "),
        ),
      ),
      ...Object.entries(state.states ?? {}).flatMap(([key, child]) => visit(child, [...path, key])),
    ];
  };
  return visit(machine, []).toSorted();
}

/** `#machine.a.b` from the root, `.b` from the state itself, `b` from its parent. */
function resolved(target: string | undefined, path: readonly string[], root: string): string {
  if (target === undefined) return "";
  if (target.startsWith("#")) return target.slice(root.length + 2);
  return target.startsWith(".")
    ? [...path, target.slice(1)].join(".")
    : [...path.slice(0, -1), target].join(".");
}
