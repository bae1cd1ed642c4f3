import elk, { type ElkNode } from "elkjs/lib/elk.bundled.js";
import type { Box, Point } from "../src/chart/chart.ts";
import { LABEL_HEIGHT, type Label, labelWidth, placeLabel } from "./label.ts";
import type { Link } from "./lift.ts";

export interface Flow {
  readonly width: number;
  readonly height: number;
  readonly boxes: ReadonlyMap<string, Box>;
  readonly lines: ReadonlyMap<string, Line>;
}

export interface Line {
  readonly points: readonly Point[];
  readonly label: Label | null;
}

export interface Size {
  readonly path: string;
  readonly width: number;
  readonly height: number;
}

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
  const sides = SIDES[direction];
  const roofDoors = (path: string) =>
    links
      .filter(
        ({ from, to, leaves, enters }) =>
          (from === path && leaves === "roof") || (to === path && enters === "roof"),
      )
      .map(({ id }) => door(path, id, sides.roof));
  const placed: ElkNode = await new elk.default().layout({
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
      "elk.spacing.nodeNode": "26",
      "elk.spacing.edgeNode": "14",
      "elk.spacing.edgeEdge": "22",
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
      sources: [`${link.from}@${link.leaves === "front" ? "out" : link.id}`],
      targets: [`${link.to}@${link.enters === "front" ? "in" : link.id}`],
      layoutOptions: link.way === "next" ? { "elk.layered.priority.straightness": "10" } : {},
      labels: link.label === "" || link.way !== "next" ? [] : [inlineLabel(link.label)],
    })),
  } satisfies ElkNode);
  const boxes = new Map((placed.children ?? []).map((box) => [box.id, boxOf(box)]));
  const drawn = (placed.edges ?? []).map((edge) => {
    const [section] = edge.sections ?? [];
    const [label] = edge.labels ?? [];
    const points =
      section === undefined ? [] : [section.startPoint, ...(section.bendPoints ?? []), section.endPoint];
    return {
      id: edge.id,
      points,
      label: label === undefined ? null : { text: label.text ?? "", ...boxOf(label) },
    };
  });
  const lines = new Map<string, Line>();
  for (const { id, points, label } of drawn) {
    const link = links.find((each) => each.id === id);
    const taken = {
      lines: drawn.filter((other) => other.id !== id).map((other) => other.points),
      labels: [...lines.values()].flatMap((other) => other.label ?? []),
      boxes: [...boxes.values()].flatMap((box) => [box, timeAbove(box)]),
    };
    lines.set(id, {
      points,
      label: label ?? placeLabel(link?.label ?? "", points, direction === "RIGHT", taken),
    });
  }
  const rightmost = [...lines.values()].map(({ label }) => (label === null ? 0 : label.x + label.width));
  return { width: Math.max(placed.width ?? 0, ...rightmost), height: placed.height ?? 0, boxes, lines };
}

/** Where the page writes how long a run was in the state: over the left of its box. */
function timeAbove({ x, y }: Box): Box {
  return { x, y: y - 20, width: 44, height: 20 };
}

const SIDES = {
  RIGHT: { in: "WEST", out: "EAST", roof: "NORTH" },
  DOWN: { in: "NORTH", out: "SOUTH", roof: "EAST" },
} as const;

function door(path: string, name: string, side: string) {
  return { id: `${path}@${name}`, width: 0, height: 0, layoutOptions: { "elk.port.side": side } };
}

function inlineLabel(text: string) {
  return {
    text,
    width: labelWidth(text),
    height: LABEL_HEIGHT,
    layoutOptions: { "elk.edgeLabels.inline": "true", "elk.edgeLabels.placement": "CENTER" },
  };
}

function boxOf({ x = 0, y = 0, width = 0, height = 0 }: Partial<Box>): Box {
  return { x, y, width, height };
}
