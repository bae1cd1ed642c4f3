import type { Box, Point } from "../src/chart/chart.ts";

/** One glyph of the 11 px monospaced face that labels are set in: their width is known without a browser. */
export const LABEL_GLYPH = 6.65;
export const LABEL_HEIGHT = 20;

export interface Label extends Box {
  readonly text: string;
}

export function labelWidth(text: string): number {
  return text.length * LABEL_GLYPH + 14;
}

/**
 * Finds a place for the name of a line that passes beside others: on its longest stretch, as near to the middle as
 * nothing else runs through it. `isLevel`: on a stretch from left to right; else at the outer side of an upright one.
 */
export function placeLabel(
  text: string,
  points: readonly Point[],
  isLevel: boolean,
  taken: { readonly lines: readonly (readonly Point[])[]; readonly labels: readonly Box[] },
): Label | null {
  const longest = stretches(points)
    .filter(({ start, end }) => (isLevel ? start.y === end.y : start.x === end.x))
    .toSorted((a, b) => lengthOf(b) - lengthOf(a))[0];
  if (text === "" || longest === undefined) return null;
  const { start, end } = longest;
  const width = labelWidth(text);
  const at = (by: number): Label => ({
    text,
    x: isLevel ? (start.x + end.x - width) / 2 + by : start.x - 6,
    y: (start.y + end.y - LABEL_HEIGHT) / 2 + (isLevel ? 0 : by),
    width,
    height: LABEL_HEIGHT,
  });
  const crossing = taken.lines.flatMap(stretches).map(boxAround);
  const reach = lengthOf(longest) / 2;
  for (let by = 0; by < reach; by += 4) {
    for (const label of [at(by), at(-by)]) {
      if (![...crossing, ...taken.labels].some((box) => overlap(label, box))) return label;
    }
  }
  return at(0);
}

interface Stretch {
  readonly start: Point;
  readonly end: Point;
}

function stretches(points: readonly Point[]): readonly Stretch[] {
  return points.slice(1).map((end, at) => ({ start: points[at] ?? end, end }));
}

function lengthOf({ start, end }: Stretch): number {
  return Math.abs(end.x - start.x) + Math.abs(end.y - start.y);
}

function boxAround({ start, end }: Stretch): Box {
  const [x, y] = [Math.min(start.x, end.x) - 3, Math.min(start.y, end.y) - 3];
  return { x, y, width: Math.abs(end.x - start.x) + 6, height: Math.abs(end.y - start.y) + 6 };
}

function overlap(a: Box, b: Box): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}
