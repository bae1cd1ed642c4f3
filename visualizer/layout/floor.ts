import type { Box, Point } from "../src/chart/chart.ts";
import type { Flow, Size } from "./flow.ts";
import { LABEL_GLYPH } from "./flow.ts";
import type { Link } from "./lift.ts";

/** The road with the floor below it. */
export interface Floor extends Omit<Flow, "boxes" | "lines"> {
  readonly boxes: Map<string, Box>;
  readonly lines: Map<string, Flow["lines"] extends ReadonlyMap<string, infer Line> ? Line : never>;
}

const GAP = 64;
const DROP = 26;
/** Height of one line in the box of what may happen anywhere. */
export const ROW = 22;
export const ROWS_HEAD = 34;

/**
 * Places the states that only failures lead to in a row below the road, and the lines that fall there: all
 * fall straight down onto one bus that ends in the roof of the state most of them lead to. What may happen
 * in any state stands to the left of it, as a box of its own.
 */
export function layFloor(
  road: Flow,
  row: readonly Size[],
  links: readonly Link[],
  anywhere: { readonly path: string; readonly rows: readonly string[] },
): Floor {
  const boxes = new Map(road.boxes);
  const lines: Floor["lines"] = new Map();
  if (row.length === 0) return { width: road.width, height: road.height, boxes, lines };

  const bus = road.height + DROP;
  const top = bus + DROP;
  const tallest = Math.max(...row.map(({ height }) => height));
  const middle = top + tallest / 2;
  let right = road.width;
  for (const { path, width, height } of row.toReversed()) {
    boxes.set(path, { x: right - width, y: middle - height / 2, width, height });
    right -= width + GAP;
  }
  const main = row.reduce((best, each) =>
    sources(links, each.path) > sources(links, best.path) ? each : best,
  );
  const hub = boxes.get(main.path);
  if (hub === undefined) return { width: road.width, height: road.height, boxes, lines };

  if (anywhere.rows.length > 0) {
    const width = Math.max(...anywhere.rows.map((event) => event.length)) * LABEL_GLYPH + 44;
    const height = ROWS_HEAD + anywhere.rows.length * ROW + 8;
    boxes.set(anywhere.path, { x: hub.x - GAP - width, y: middle - height / 2, width, height });
  }
  const under = top + tallest + 18;
  for (const link of links) {
    const from = boxes.get(link.from);
    const to = boxes.get(link.to);
    if (from === undefined || to === undefined) continue;
    lines.set(link.id, { points: fall(from, to, { hub, bus, under, middle }), label: null });
  }
  const lowest = Math.max(...[...boxes.values()].map(({ y, height }) => y + height), under);
  return { width: road.width, height: lowest + 4, boxes, lines };
}

interface Levels {
  readonly hub: Box;
  readonly bus: number;
  readonly under: number;
  readonly middle: number;
}

function fall(from: Box, to: Box, { hub, bus, under, middle }: Levels): readonly Point[] {
  const isLevel = from.y + from.height > bus;
  if (isLevel) {
    return [
      { x: from.x + from.width, y: middle },
      { x: to.x, y: middle },
    ];
  }
  const floor = from.y + from.height;
  const centre = from.x + from.width / 2;
  const goal = to.x + to.width / 2;
  if (to.x === hub.x) {
    return [
      { x: centre, y: floor },
      { x: centre, y: bus },
      { x: goal, y: bus },
      { x: goal, y: to.y },
    ];
  }
  if (centre > hub.x + hub.width / 2) {
    const door = from.x + from.width - 18;
    return [
      { x: door, y: floor },
      { x: door, y: bus },
      { x: goal, y: bus },
      { x: goal, y: to.y },
    ];
  }
  const door = from.x + 18;
  return [
    { x: door, y: floor },
    { x: door, y: under },
    { x: goal, y: under },
    { x: goal, y: to.y + to.height },
  ];
}

function sources(links: readonly Link[], path: string): number {
  return links.filter(({ to }) => to === path).length;
}
