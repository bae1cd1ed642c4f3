import { describe, expect, test } from "vitest";
import { createMachine } from "xstate";
import { PHASE1_VERSION, phase1Machine } from "../../src/machines/phase1.ts";
import { PHASE2_VERSION, phase2Machine } from "../../src/machines/phase2.ts";
import { layOut } from "../../visualizer/layout/lay-out.ts";
import type { Box, Chart, ChartState, Point } from "../../visualizer/src/chart/chart.ts";
import { transitions } from "../paths/graph.ts";

const parallel = createMachine({
  id: "player",
  initial: "off",
  states: {
    off: { on: { start: "on" } },
    on: {
      type: "parallel",
      on: { stop: "off", broke: "failed" },
      states: {
        sound: {
          initial: "loud",
          states: { loud: { on: { mute: "mute" } }, mute: { on: { mute: "loud" } } },
        },
        light: {
          initial: "dark",
          states: { dark: { on: { flip: "bright" } }, bright: { on: { flip: "dark" } } },
        },
      },
    },
    failed: { type: "final" },
  },
});
const phase2 = await layOut(phase2Machine, PHASE2_VERSION);
const phase1 = await layOut(phase1Machine, PHASE1_VERSION);
const player = await layOut(parallel as never, "1");

describe("the drawing of phase 2", () => {
  test("shows every transition of the machine under the name the path tests give it", () => {
    expect(phase2.transitions.map(({ id }) => id)).toEqual(transitions.all.map(({ id }) => id));
  });

  test("keeps the main road straight, from the claim to the success", () => {
    const road = ["claiming", "configuring", "loading", "spawning", "supervising", "verifying", "succeeded"];
    const middles = road.map((path) => middle(stateOf(phase2, path)).y);
    expect(Math.max(...middles) - Math.min(...middles)).toBeLessThan(2);
  });

  test("is the same however often it is laid out", async () => {
    expect(await layOut(phase2Machine, PHASE2_VERSION)).toEqual(phase2);
  });
});

describe.each([phase2, phase1])("as it is drawn, $id", (chart) => {
  test("has a line for every transition that leads somewhere else", () => {
    const drawn = new Set(chart.edges.flatMap((edge) => edge.transitions));
    const missing = chart.transitions.filter(({ id, target }) => target !== null && !drawn.has(id));
    expect(missing).toEqual([]);
  });

  test("says of every state and every transition what it is for", () => {
    const silent = [...chart.states.slice(1), ...chart.transitions].filter(
      ({ description }) => description === "",
    );
    expect(silent).toEqual([]);
  });

  test("lets no line run through a state or a name", () => {
    const boxes = [
      ...chart.states.filter(({ kind, depth }) => depth === 1 || kind === "root"),
      ...chart.edges.flatMap(({ id, label }) => (label === null ? [] : [{ ...label, path: id }])),
    ];
    const outer = chart.edges.filter(({ id }) => !id.includes("."));
    const crossed = outer.flatMap(({ id, points }) => {
      const stretches = points.slice(1).map((end, at) => between(points[at] ?? end, end));
      return boxes
        .filter((box) => box.path !== id && stretches.some((stretch) => overlap(stretch, box)))
        .map(({ path }) => `${id} through ${path}`);
    });
    expect(crossed).toEqual([]);
  });
});

describe.each([phase2, phase1, player])("any machine: $id", (chart) => {
  test("all states are on the drawing, the nested ones inside theirs", () => {
    const outside = chart.states.filter(
      (state) =>
        !isInside(state, { x: 0, y: 0, width: chart.width, height: chart.height }) ||
        !isInside(state, parentOf(chart, state) ?? state),
    );
    expect(outside).toEqual([]);
  });

  test("no state lies on another", () => {
    const pairs = chart.states.flatMap((a, at) =>
      chart.states.slice(at + 1).flatMap((b) => {
        const isFamily = a.path.startsWith(`${b.path}.`) || b.path.startsWith(`${a.path}.`);
        return !isFamily && overlap(a, b) ? [`${a.path} and ${b.path}`] : [];
      }),
    );
    expect(pairs).toEqual([]);
  });

  test("every line begins and ends at the border of a state", () => {
    const loose = chart.edges.filter(({ points: [first, ...rest] }) => {
      const last = rest.at(-1);
      return first === undefined || last === undefined || !touches(chart, first) || !touches(chart, last);
    });
    expect(loose.map(({ id }) => id)).toEqual([]);
  });

  test("no name of a line lies on a state or on another name", () => {
    const labels = chart.edges.flatMap(({ label }) => (label === null ? [] : [label]));
    const leaves = chart.states.filter(({ kind }) => kind === "atomic" || kind === "final");
    const hidden = labels.flatMap((label, at) =>
      [...leaves, ...labels.slice(at + 1)].filter((box) => overlap(label, box)).map(() => label.text),
    );
    expect(hidden).toEqual([]);
  });
});

function stateOf(chart: Chart, path: string): ChartState {
  const state = chart.states.find((each) => each.path === path);
  if (state === undefined) throw new Error(`no ${path}`);
  return state;
}

function parentOf(chart: Chart, { path }: ChartState): ChartState | undefined {
  return chart.states.find((each) => each.path === path.split(".").slice(0, -1).join("."));
}

function middle({ x, y, width, height }: Box): Point {
  return { x: x + width / 2, y: y + height / 2 };
}

/** The room a straight stretch takes, without its ends. */
function between(start: Point, end: Point): Box {
  const [x, y] = [Math.min(start.x, end.x), Math.min(start.y, end.y)];
  const [width, height] = [Math.abs(end.x - start.x), Math.abs(end.y - start.y)];
  return width > height
    ? { x: x + 1, y, width: width - 2, height }
    : { x, y: y + 1, width, height: height - 2 };
}

function isInside(inner: Box, outer: Box): boolean {
  return (
    inner.x >= outer.x &&
    inner.y >= outer.y &&
    inner.x + inner.width <= outer.x + outer.width + 0.2 &&
    inner.y + inner.height <= outer.y + outer.height + 0.2
  );
}

function overlap(a: Box, b: Box): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

function touches(chart: Chart, { x, y }: Point): boolean {
  return chart.states.some((box) => {
    const isX = Math.abs(x - box.x) < 1 || Math.abs(x - box.x - box.width) < 1;
    const isY = Math.abs(y - box.y) < 1 || Math.abs(y - box.y - box.height) < 1;
    const isBetweenX = x >= box.x - 1 && x <= box.x + box.width + 1;
    const isBetweenY = y >= box.y - 1 && y <= box.y + box.height + 1;
    return (isX && isBetweenY) || (isY && isBetweenX);
  });
}
