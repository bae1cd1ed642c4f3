import type { EventView } from "../../../src/server/api.ts";
import type { Chart, ChartTransition } from "./chart.ts";

/** One stay in a state; `toMs` is null while it lasts. */
export interface Visit {
  /** Dotted leaf. */
  readonly state: string;
  readonly fromMs: number;
  readonly toMs: number | null;
  /** The row of the log that led here. */
  readonly row: number;
}

/** A machine event of the log. */
export type Step = EventView & { readonly sequence: number; readonly value: string };

export function stepsOf(rows: readonly EventView[]): readonly Step[] {
  return rows.filter((row): row is Step => row.sequence !== null && row.value !== null);
}

/** The stays of a run, in order. A restarted state is a new stay only if another one lies between. */
export function visitsOf(steps: readonly Step[], isOver: boolean): readonly Visit[] {
  const visits: Visit[] = [];
  for (const { value, atMs, id } of steps) {
    const last = visits.at(-1);
    if (last?.state === value) continue;
    if (last !== undefined) visits[visits.length - 1] = { ...last, toMs: atMs };
    visits.push({ state: value, fromMs: atMs, toMs: null, row: id });
  }
  const last = visits.at(-1);
  if (isOver && last !== undefined) visits[visits.length - 1] = { ...last, toMs: last.fromMs };
  return visits;
}

/** Milliseconds in each state, containers included. */
export function timeIn(visits: readonly Visit[], untilMs: number): ReadonlyMap<string, number> {
  const times = new Map<string, number>();
  for (const { state, fromMs, toMs } of visits) {
    const ms = Math.max(0, Math.min(toMs ?? untilMs, untilMs) - fromMs);
    for (const path of chainsOf(state).flat()) times.set(path, (times.get(path) ?? 0) + ms);
  }
  return times;
}

/** How often each transition was taken, and by which row last. */
export function takenBy(
  chart: Chart,
  steps: readonly Step[],
): ReadonlyMap<string, { count: number; row: number }> {
  const taken = new Map<string, { count: number; row: number }>();
  for (const [at, step] of steps.entries()) {
    const before = steps[at - 1];
    if (before === undefined) continue;
    const found = transitionOf(chart, before.value, step);
    if (found !== null) taken.set(found.id, { count: (taken.get(found.id)?.count ?? 0) + 1, row: step.id });
  }
  return taken;
}

/** Which of the machine's transitions a step took, told by where it led. */
export function transitionOf(
  chart: Chart,
  before: string,
  step: Pick<Step, "type" | "value">,
): ChartTransition | null {
  const candidates = listeners(chart, before).filter(({ event }) => event === step.type);
  const after = new Set(chainsOf(step.value).flat());
  return (
    candidates.find(({ target }) => target !== null && after.has(target)) ??
    (before === step.value ? candidates.find(({ target }) => target === null) : undefined) ??
    null
  );
}

/** What could happen next: the innermost state that hears an event decides, unless all its answers are guarded. */
export function possibleNext(chart: Chart, value: string): ReadonlySet<string> {
  return new Set(listeners(chart, value).map(({ id }) => id));
}

function listeners(chart: Chart, value: string): readonly ChartTransition[] {
  const bySource = Map.groupBy(chart.transitions, ({ source }) => source);
  const found: ChartTransition[] = [];
  for (const chain of chainsOf(value)) {
    const settled = new Set<string>();
    for (const source of [...chain.toReversed(), chart.id]) {
      const here = bySource.get(source) ?? [];
      found.push(...here.filter(({ event }) => !settled.has(event)));
      for (const { event, guard } of here) if (guard === null) settled.add(event);
    }
  }
  const isFinal = chart.states.some(({ path, kind }) => path === value && kind === "final");
  return isFinal ? [] : found;
}

/** `a.b+a.c` → the states from the outside in, one chain for each parallel region. */
export function chainsOf(value: string): readonly (readonly string[])[] {
  return value.split("+").map((leaf) => {
    const keys = leaf.split(".");
    return keys.map((_, at) => keys.slice(0, at + 1).join("."));
  });
}
