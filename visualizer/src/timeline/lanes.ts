import type { EventView } from "../../../src/server/api.ts";
import type { Visit } from "../chart/walk.ts";

export interface Lane {
  /** The outermost state. */
  readonly name: string;
  readonly bars: readonly Bar[];
}

/** One uninterrupted stay in a lane's state, with the nested states it went through. */
export interface Bar {
  readonly fromMs: number;
  readonly toMs: number | null;
  readonly row: number;
  readonly parts: readonly Visit[];
}

/** A lane for each outermost state, in the order of first entry; coming back is a further bar in the same lane. */
export function lanesOf(visits: readonly Visit[]): readonly Lane[] {
  const lanes = new Map<string, Bar[]>();
  let before: string | null = null;
  for (const visit of visits) {
    const name = visit.state.split(".")[0] ?? visit.state;
    const bars = lanes.get(name) ?? [];
    const last = bars.at(-1);
    if (name === before && last !== undefined) {
      bars[bars.length - 1] = { ...last, toMs: visit.toMs, parts: [...last.parts, visit] };
    } else {
      bars.push({ fromMs: visit.fromMs, toMs: visit.toMs, row: visit.row, parts: [visit] });
    }
    lanes.set(name, bars);
    before = name;
  }
  return [...lanes].map(([name, bars]) => ({ name, bars }));
}

/** Moments as at most `slots` ticks: fifty thousand words of an agent are still a few hundred lines to draw. */
export function ticksOf(
  rows: readonly EventView[],
  place: (atMs: number) => number,
  slots = 400,
): readonly { readonly at: number; readonly count: number; readonly row: number }[] {
  const ticks = new Map<number, { at: number; count: number; row: number }>();
  for (const { atMs, id } of rows) {
    const at = place(atMs);
    const slot = Math.round(at * slots);
    const known = ticks.get(slot);
    if (known === undefined) ticks.set(slot, { at, count: 1, row: id });
    else known.count++;
  }
  return [...ticks.values()];
}
