import elk, { type ElkNode } from "elkjs/lib/elk.bundled.js";
import type { Box, Point } from "../src/chart/chart.ts";
import type { Link } from "./lift.ts";

export interface Flow {
  readonly width: number;
  readonly height: number;
  readonly boxes: ReadonlyMap<string, Box>;
  readonly lines: ReadonlyMap<
    string,
    { readonly points: readonly Point[]; readonly label: (Box & { readonly text: string }) | null }
  >;
}

export interface Size {
  readonly path: string;
  readonly width: number;
  readonly height: number;
}

/** One glyph of the 11 px monospaced face that labels are set in: their width is known without a browser. */
export const LABEL_GLYPH = 6.65;

/**
 * Lays boxes and the lines between them with ELK, in the order in which they were written. Each box has one
 * door for each kind of traffic, which keeps the main road straight: in on the left, onwards on the right,
 * past and back over the roof.
 */
export async function flow(
  sizes: readonly Size[],
  links: readonly Link[],
  direction: "RIGHT" | "DOWN",
): Promise<Flow> {
  const ends = new Set(
    sizes.map(({ path }) => path).filter((path) => !links.some(({ from }) => from === path)),
  );
  const sides = SIDES[direction];
  const isStraightIn = ({ way, to }: Link) => way === "next" || ends.has(to);
  const roofDoors = (path: string) =>
    links
      .filter(
        (link) => (link.from === path && link.way !== "next") || (link.to === path && !isStraightIn(link)),
      )
      .map(({ id }) => door(path, id, sides.roof));
  const labels = new Map(links.map(({ id, label }) => [id, label]));
  const laid: ElkNode = await new elk.default().layout({
    id: "",
    layoutOptions: {
      algorithm: "layered",
      "elk.direction": direction,
      "elk.edgeRouting": "ORTHOGONAL",
      "elk.json.shapeCoords": "ROOT",
      "elk.json.edgeCoords": "ROOT",
      "elk.layered.considerModelOrder.strategy": "NODES_AND_EDGES",
      // The initial state first, so that a loop is drawn as the way back.
      "elk.layered.cycleBreaking.strategy": "DEPTH_FIRST",
      "elk.layered.nodePlacement.strategy": "NETWORK_SIMPLEX",
      "elk.layered.nodePlacement.favorStraightEdges": "true",
      "elk.layered.spacing.nodeNodeBetweenLayers": direction === "RIGHT" ? "26" : "20",
      "elk.layered.spacing.edgeNodeBetweenLayers": "14",
      "elk.layered.spacing.edgeEdgeBetweenLayers": "10",
      "elk.spacing.nodeNode": "34",
      "elk.spacing.edgeNode": "20",
      "elk.spacing.edgeEdge": "24",
      "elk.spacing.edgeLabel": "4",
      "elk.padding": "[top=0,left=0,bottom=0,right=0]",
    },
    children: sizes.map(({ path, width, height }) => ({
      id: path,
      width,
      height,
      layoutOptions: { "elk.portConstraints": "FIXED_SIDE" },
      ports: [door(path, "in", sides.in), door(path, "out", sides.out), ...roofDoors(path)],
    })),
    edges: links.map((link) => ({
      id: link.id,
      sources: [link.way === "next" ? `${link.from}@out` : `${link.from}@${link.id}`],
      targets: [isStraightIn(link) ? `${link.to}@in` : `${link.to}@${link.id}`],
      layoutOptions: link.way === "next" ? { "elk.layered.priority.straightness": "10" } : {},
      labels: link.label === "" || link.way !== "next" ? [] : [inlineLabel(link.label)],
    })),
  } satisfies ElkNode);
  const boxes = new Map((laid.children ?? []).map((box) => [box.id, boxOf(box)]));
  const lines = new Map(
    (laid.edges ?? []).map((edge) => {
      const [section] = edge.sections ?? [];
      const [label] = edge.labels ?? [];
      const points =
        section === undefined ? [] : [section.startPoint, ...(section.bendPoints ?? []), section.endPoint];
      const inline = label === undefined ? null : { text: label.text ?? "", ...boxOf(label) };
      return [edge.id, { points, label: inline ?? labelOn(points, labels.get(edge.id) ?? "", direction) }];
    }),
  );
  const rightmost = [...lines.values()].map(({ label }) => (label === null ? 0 : label.x + label.width));
  return { width: Math.max(laid.width ?? 0, ...rightmost), height: laid.height ?? 0, boxes, lines };
}

const SIDES = {
  RIGHT: { in: "WEST", out: "EAST", roof: "NORTH" },
  DOWN: { in: "NORTH", out: "SOUTH", roof: "EAST" },
} as const;

function door(path: string, name: string, side: string) {
  return { id: `${path}@${name}`, width: 0, height: 0, layoutOptions: { "elk.port.side": side } };
}

/** A line that passes beside others has room for its name: on its longest stretch, or at the outer side of it. */
function labelOn(
  points: readonly Point[],
  text: string,
  direction: "RIGHT" | "DOWN",
): (Box & { readonly text: string }) | null {
  const isLevel = direction === "RIGHT";
  const width = text.length * LABEL_GLYPH + 14;
  const length = ({ start, end }: { start: Point; end: Point }) =>
    isLevel ? Math.abs(end.x - start.x) : Math.abs(end.y - start.y);
  const [longest] = points
    .slice(1)
    .map((end, at) => ({ start: points[at] ?? end, end }))
    .toSorted((a, b) => length(b) - length(a));
  if (text === "" || longest === undefined) return null;
  const { start, end } = longest;
  return {
    text,
    x: isLevel ? (start.x + end.x - width) / 2 : start.x - 6,
    y: (start.y + end.y - LABEL_HEIGHT) / 2,
    width,
    height: LABEL_HEIGHT,
  };
}

const LABEL_HEIGHT = 20;

function inlineLabel(text: string) {
  return {
    text,
    width: text.length * LABEL_GLYPH + 14,
    height: LABEL_HEIGHT,
    layoutOptions: { "elk.edgeLabels.inline": "true", "elk.edgeLabels.placement": "CENTER" },
  };
}

function boxOf({ x = 0, y = 0, width = 0, height = 0 }: Partial<Box>): Box {
  return { x, y, width, height };
}
