import { describe, expect, test } from "vitest";
import { PHASE2_VERSION, phase2Machine } from "../../src/machines/phase2.ts";
import { layOut } from "../../visualizer/layout/lay-out.ts";
import { possibleNext, stepsOf, timeIn, transitionOf, visitsOf } from "../../visualizer/src/chart/walk.ts";
import { phase2Graph } from "../paths/graph.ts";
import { steps } from "./log.ts";

const chart = await layOut(phase2Machine, PHASE2_VERSION);

describe("what the chart reads from a log agrees with the machine", () => {
  const graph = phase2Graph();
  const edges = [...graph.vertices.values()].flatMap((vertex) =>
    vertex.edges.map((edge) => ({ vertex, edge, after: graph.vertices.get(edge.to)?.value ?? "" })),
  );

  test("every step of every run that can be is told as the transition the machine took", () => {
    // Guards are not in a log: of two answers that lead to the same place either is right.
    const road = (id: string) => {
      const { source, event, target } = chart.transitions.find((each) => each.id === id) ?? {};
      return JSON.stringify({ source, event, target });
    };
    const wrong = edges.flatMap(({ vertex, edge, after }) => {
      const told = transitionOf(chart, vertex.value, { type: edge.event.type, value: after });
      return edge.transitions.map(road).includes(road(told?.id ?? ""))
        ? []
        : [`${vertex.value} ${edge.name}: ${told?.id} for ${edge.transitions}`];
    });
    expect(edges.length).toBeGreaterThan(500);
    expect(wrong).toEqual([]);
  });

  test("whatever happens next was shown as possible", () => {
    const wrong = edges.flatMap(({ vertex, edge }) => {
      const possible = possibleNext(chart, vertex.value);
      return edge.transitions.filter((id) => !possible.has(id)).map((id) => `${vertex.value}: ${id}`);
    });
    expect(wrong).toEqual([]);
  });

  test("a state that answers for itself hides what the machine would answer", () => {
    const sources = [...possibleNext(chart, "publishing.committing")].filter((id) => id.includes("|cancel|"));
    expect(sources).toEqual(["publishing.committing|cancel|0"]);
    expect(possibleNext(chart, "succeeded")).toEqual(new Set());
  });
});

describe("stays", () => {
  const log = steps(
    "claiming",
    "configuring",
    "syncing.summaries",
    "syncing.rawMemories",
    "spawning",
    "syncing.summaries",
  );

  test("follow one another, and a state entered again is a stay of its own", () => {
    expect(visitsOf(log, false).map(({ state, fromMs, toMs }) => [state, fromMs, toMs])).toEqual([
      ["claiming", 0, 100],
      ["configuring", 100, 200],
      ["syncing.summaries", 200, 300],
      ["syncing.rawMemories", 300, 400],
      ["spawning", 400, 500],
      ["syncing.summaries", 500, null],
    ]);
  });

  test("the last one of a run that is over has no length", () => {
    expect(visitsOf(steps("claiming", "skipped"), true).at(-1)).toMatchObject({ fromMs: 100, toMs: 100 });
  });

  test("add up for containers, and only to the moment that is looked at", () => {
    expect(Object.fromEntries(timeIn(visitsOf(log, false), 550))).toEqual({
      claiming: 100,
      configuring: 100,
      syncing: 250,
      "syncing.summaries": 150,
      "syncing.rawMemories": 100,
      spawning: 100,
    });
  });

  test("observations are no steps", () => {
    const beat = { id: 9, run: "r", sequence: null, atMs: 1, type: "lease.renewed", value: null, data: {} };
    expect(stepsOf([...log, beat])).toEqual(log);
  });
});
