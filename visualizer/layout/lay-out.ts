import type { AnyStateMachine } from "xstate";
import { structureHash } from "../../src/durable/versions.ts";
import type { Box, Chart, ChartEdge, ChartState } from "../src/chart/chart.ts";
import { describeMachine, type StateWords } from "./describe.ts";
import { type Floor, layFloor } from "./floor.ts";
import { type Flow, flow, type Size } from "./flow.ts";
import { LABEL_GLYPH } from "./label.ts";
import { downfall, type Link, lift } from "./lift.ts";

/** One glyph of a state's title, set in a proportional face of 14.5 px. */
const TITLE_GLYPH = 8.4;
const PADDING = 14;
const HEAD = 40;
const MARGIN = { top: 24, left: 24, right: 12, bottom: 10 };

/**
 * Lays a machine out: its road from left to right, what nests in a state stacked inside it, and on a floor
 * below the states that only failures lead to. The numbers are final, so a page needs no layout engine.
 */
export async function layOut(machine: AnyStateMachine, version: string): Promise<Chart> {
  const { root, transitions } = describeMachine(machine);
  const links = lift(root, transitions);
  const below = downfall(
    root.children.map(({ path }) => path),
    links.filter(({ container }) => container === root.path),
  );
  const insides = new Map<string, Inside>();
  for (const child of root.children) await inside(child, below.includes(child.path), links, insides);
  const ofRoot = links.filter(({ container }) => container === root.path);
  const size = (state: StateWords): Size => ({ path: state.path, ...sizeOf(state, insides) });
  const road = await flow(
    root.children.filter(({ path }) => !below.includes(path)).map(size),
    ofRoot.filter(({ from, to }) => from !== root.path && !below.includes(to)),
    "RIGHT",
  );
  const floor = layFloor(
    road,
    root.children.filter(({ path }) => below.includes(path)).map(size),
    ofRoot.filter(({ to }) => below.includes(to)),
    {
      path: root.path,
      rows: transitions.filter(({ source }) => source === root.path).map(({ event }) => event),
    },
  );
  const states = placed(root, floor, insides);
  return {
    id: machine.id,
    version,
    hash: structureHash(machine),
    width: MARGIN.left + floor.width + MARGIN.right,
    height: MARGIN.top + floor.height + MARGIN.bottom,
    states,
    edges: drawn(links, { road, floor, insides, states }),
    transitions,
  };
}

interface Inside {
  readonly head: number;
  readonly flow: Flow;
}

/** From the innermost outwards, for a container is as large as what it holds. */
async function inside(state: StateWords, isWide: boolean, links: readonly Link[], into: Map<string, Inside>) {
  if (state.children.length === 0) return;
  for (const child of state.children) await inside(child, isWide, links, into);
  const own = links.filter(({ container, from }) => container === state.path && from !== state.path);
  const sizes = state.children.map((child) => ({ path: child.path, ...sizeOf(child, into) }));
  into.set(state.path, {
    head: state.actor === null ? HEAD : HEAD + 14,
    flow: await flow(sizes, own, isWide ? "RIGHT" : "DOWN"),
  });
}

function sizeOf(state: StateWords, insides: ReadonlyMap<string, Inside>): { width: number; height: number } {
  const title = state.key.length * TITLE_GLYPH + 24;
  const holds = insides.get(state.path);
  if (holds !== undefined) {
    const { width, height } = holds.flow;
    return { width: Math.max(title + 40, width + 2 * PADDING), height: height + holds.head + PADDING };
  }
  const actor = state.actor === null ? 0 : state.actor.length * LABEL_GLYPH + 22;
  return { width: Math.ceil(Math.max(84, title, actor)), height: state.actor === null ? 40 : 54 };
}

function placed(root: StateWords, floor: Floor, insides: ReadonlyMap<string, Inside>): readonly ChartState[] {
  const place = (state: StateWords, box: Box): readonly ChartState[] => {
    const { children, ...words } = state;
    const holds = insides.get(state.path);
    const self: ChartState = { ...words, ...rounded(box) };
    if (holds === undefined) return [self];
    const origin = corner(box, holds);
    return [
      self,
      ...children.flatMap((child) => {
        const inner = holds.flow.boxes.get(child.path);
        return inner === undefined ? [] : place(child, moved(inner, origin));
      }),
    ];
  };
  const top = [root, ...root.children].flatMap((state) => {
    const box = floor.boxes.get(state.path);
    if (box === undefined) return [];
    const at = moved(box, { x: MARGIN.left, y: MARGIN.top });
    return state === root ? place({ ...root, children: [] }, at) : place(state, at);
  });
  return top;
}

function corner(box: Box, { head, flow: { width } }: Inside) {
  return { x: box.x + (box.width - width) / 2, y: box.y + head };
}

interface Placement {
  readonly road: Flow;
  readonly floor: Floor;
  readonly insides: ReadonlyMap<string, Inside>;
  readonly states: readonly ChartState[];
}

function drawn(links: readonly Link[], { road, floor, insides, states }: Placement): readonly ChartEdge[] {
  return links.flatMap((link) => {
    const holds = insides.get(link.container);
    const container = states.find(({ path }) => path === link.container);
    const line = (holds?.flow ?? road).lines.get(link.id) ?? floor.lines.get(link.id);
    if (line === undefined) return [];
    const isNested = holds !== undefined && container !== undefined;
    const origin = isNested ? corner(container, holds) : { x: MARGIN.left, y: MARGIN.top };
    return [
      {
        id: link.id,
        tone: link.tone,
        points: line.points.map(({ x, y }) => ({ x: round(x + origin.x), y: round(y + origin.y) })),
        label: line.label === null ? null : { text: line.label.text, ...rounded(moved(line.label, origin)) },
        transitions: link.transitions,
      },
    ];
  });
}

function moved<B extends Box>(box: B, by: { readonly x: number; readonly y: number }): Box {
  return { x: box.x + by.x, y: box.y + by.y, width: box.width, height: box.height };
}

function rounded({ x, y, width, height }: Box): Box {
  return { x: round(x), y: round(y), width: round(width), height: round(height) };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
