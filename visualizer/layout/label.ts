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

/** What a name may not cover: other lines, other names, and boxes. */
interface Taken {
  readonly lines: readonly (readonly Point[])[];
  readonly labels: readonly Box[];
  readonly boxes: readonly Box[];
}

/**
 * Finds a place for the name of a line that passes beside others: on its longest stretch, as near to the middle as
 * nothing else runs through it. `isLevel`: on a stretch from left to right; else at the outer side of an upright one.
 * Where the level stretches are too short for the name, it stands across the longest upright one.
 */
export function placeLabel(
  text: string,
  points: readonly Point[],
  isLevel: boolean,
  taken: Taken,
): Label | null {
  const [longest] = along(points, isLevel);
  if (text === "" || longest === undefined) return null;
  const width = labelWidth(text);
  const besides = { ...longest, text, width, x: isLevel ? null : longest.start.x - 6 };
  const [upright] = isLevel ? along(points, false) : [];
  const across = upright && { ...upright, text, width, x: upright.start.x - width / 2 };
  return (
    freeOf(besides, isLevel, taken) ?? (across && freeOf(across, false, taken)) ?? named(besides, isLevel, 0)
  );
}

interface Place extends Stretch {
  readonly text: string;
  readonly width: number;
  /** Of its left side; null: in the middle of the stretch. */
  readonly x: number | null;
}

/** On this stretch, where nothing is covered; null if it is taken everywhere. */
function freeOf(place: Place, isLevel: boolean, { lines, labels, boxes }: Taken): Label | null {
  const all = [...lines.flatMap(stretches).map(boxAround), ...labels, ...boxes];
  const reach = lengthOf(place) / 2;
  for (let by = 0; by < reach; by += 4) {
    for (const label of [named(place, isLevel, by), named(place, isLevel, -by)]) {
      if (!all.some((box) => overlap(label, box))) return label;
    }
  }
  return null;
}

function named({ text, width, x, start, end }: Place, isLevel: boolean, by: number): Label {
  return {
    text,
    x: (x ?? (start.x + end.x - width) / 2) + (isLevel ? by : 0),
    y: (start.y + end.y - LABEL_HEIGHT) / 2 + (isLevel ? 0 : by),
    width,
    height: LABEL_HEIGHT,
  };
}

/** The longest first. */
function along(points: readonly Point[], isLevel: boolean): readonly Stretch[] {
  return stretches(points)
    .filter(({ start, end }) => (isLevel ? start.y === end.y : start.x === end.x))
    .toSorted((a, b) => lengthOf(b) - lengthOf(a));
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
