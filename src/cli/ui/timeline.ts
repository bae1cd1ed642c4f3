import type { StateSpan } from "../../domain/event.ts";
import { elapsed } from "./format.ts";
import { cyan, dim, green, type Line, red } from "./paint.ts";
import { clipped } from "./printable.ts";

const NAME = 23;
const TIME = 12;
const [NARROWEST, WIDEST] = [10, 48];

/** Where a run spent its time, to scale: one bar for each stay in a state, under the ones before it. */
export function timeline(spans: readonly StateSpan[], columns: number): readonly Line[] {
  const width = Math.max(NARROWEST, Math.min(WIDEST, columns - NAME - TIME - 4));
  const lengths = spans.map(({ ms }) => ms);
  const total = lengths.reduce((sum, ms) => sum + ms, 0);
  return spans.map(({ state, ms }, at) => {
    const before = lengths.slice(0, at).reduce((sum, length) => sum + length, 0);
    const [start, length] = barOf({ before, ms, total }, width);
    const bar = `${" ".repeat(start)}${"█".repeat(length)}${length === 0 ? "▏" : ""}`;
    return [
      `  ${clipped(state, NAME).padEnd(NAME)}`,
      toneOf(state)(bar.padEnd(width + 1)),
      dim(elapsed(ms).padStart(TIME)),
    ];
  });
}

/** First cell and number of cells; what is too short for a cell has none, and is marked where it was. */
function barOf(
  { before, ms, total }: { readonly before: number; readonly ms: number; readonly total: number },
  width: number,
): readonly [start: number, length: number] {
  if (total === 0) return [0, 0];
  const cells = (ms / total) * width;
  const start = Math.min(width - 1, Math.floor((before / total) * width));
  return [start, cells < 0.5 ? 0 : Math.max(1, Math.min(width - start, Math.round(cells)))];
}

function toneOf(state: string) {
  if (state.startsWith("fail")) return red;
  return state === "succeeded" ? green : cyan;
}
