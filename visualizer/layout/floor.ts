import type { Box, Point } from "../src/chart/chart.ts";
import type { Flow, Line, Size } from "./flow.ts";
import { LABEL_GLYPH } from "./label.ts";
import type { Link } from "./lift.ts";

/** The road with the floor below it. */
export interface Floor extends Omit<Flow, "boxes" | "lines"> {
  readonly boxes: Map<string, Box>;
  readonly lines: Map<string, Line>;
}

const GAP = 64;
const DROP = 20;
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
  const lines = new Map<string, Line>();
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
    lines.set(link.id, {
      points: fall(from, to, {
        ...{ hub, bus, under, middle },
        road: [...road.boxes.values()],
        all: [...boxes.values()],
      }),
      label: null,
    });
  }
  const lowest = Math.max(...[...boxes.values()].map(({ y, height }) => y + height), under);
  return { width: road.width, height: lowest + 4, boxes, lines };
}

interface Levels {
  readonly hub: Box;
  readonly bus: number;
  readonly under: number;
  readonly middle: number;
  readonly road: readonly Box[];
  /** The road and the floor: what passes under the floor passes by both. */
  readonly all: readonly Box[];
}

function fall(from: Box, to: Box, { hub, bus, under, middle, road, all }: Levels): readonly Point[] {
  if (from.y + from.height > bus) return line([from.x + from.width, middle], [to.x, middle]);
  const goal = to.x + to.width / 2;
  const centre = from.x + from.width / 2;
  if (to.x === hub.x) return [...drop(from, centre, bus, road), ...line([goal, bus], [goal, to.y])];
  if (centre > hub.x + hub.width / 2) {
    return [...drop(from, from.x + from.width - 18, bus, road), ...line([goal, bus], [goal, to.y])];
  }
  return [...drop(from, from.x + 18, under, all), ...line([goal, under], [goal, to.y + to.height])];
}

/** Straight down, or, where another box stands below, out at the nearer side and down beside it. */
function drop(from: Box, x: number, to: number, road: readonly Box[]): readonly Point[] {
  const floor = from.y + from.height;
  const isFree = (at: number) =>
    road.every((box) => box === from || box.y < floor || at < box.x - 4 || at > box.x + box.width + 4);
  if (isFree(x)) return line([x, floor], [x, to]);
  const side = from.y + from.height * 0.78;
  for (let by = 8; by < 400; by += 2) {
    const right = from.x + from.width + by;
    if (isFree(right)) return line([from.x + from.width, side], [right, side], [right, to]);
    const left = from.x - by;
    if (isFree(left)) return line([from.x, side], [left, side], [left, to]);
  }
  return line([x, floor], [x, to]);
}

function line(...points: readonly (readonly [number, number])[]): readonly Point[] {
  return points.map(([x, y]) => ({ x, y }));
}

function sources(links: readonly Link[], path: string): number {
  return links.filter(({ to }) => to === path).length;
}
