import { mkdirSync, writeFileSync } from "node:fs";
import { getShortestPaths as getShortestPathsStandalone, getSimplePaths } from "@xstate/graph";
import { describe, expect, test } from "vitest";
import type { AnyMachineSnapshot } from "xstate";
import { getShortestPaths, getSimplePaths as getSimplePathsBuiltIn } from "xstate/graph";
import { phase2Machine } from "../../src/machines/phase2.ts";
import { coverageOf } from "./coverage.ts";
import { edgeCover, shortestWays, told } from "./edge-cover.ts";
import { type Graph, INPUT, keyOf, LOOPS, phase2Graph, transitions, traversal } from "./graph.ts";

/** Above this many, shortest paths and the edge cover stand for the simple paths. */
const MOST_SIMPLE_PATHS = 3_000;

const graph = phase2Graph();
const cover = edgeCover(graph);
const ways = shortestWays(graph);

describe("the graph of everything that can happen to a run", () => {
  test("walks both loops to their cap, and no further", () => {
    const loops = ["restarts 0", "restarts 1", "restarts 2", "repairs 0", "repairs 1", "repairs 2"];
    const keys = [...graph.vertices.keys()].join("\n");
    expect(loops.filter((loop) => keys.includes(loop))).toEqual(loops);
    expect(keys).not.toMatch(/restarts [3-9]|repairs [3-9]/);
  });

  test("has a way out of every state", () => {
    expect([...graph.vertices.keys()].filter((key) => !ways.out.has(key))).toEqual([]);
  });

  test("ends in the three final states only", () => {
    const ends = [...graph.vertices.values()].filter(({ edges }) => edges.length === 0);
    expect(new Set(ends.map(({ value }) => value))).toEqual(new Set(["succeeded", "skipped", "failed"]));
  });

  test("reaches every transition of the machine", () => {
    const reached = new Set(graph.edges.flatMap((edge) => edge.transitions));
    expect(transitions.all.map(({ id }) => id).filter((id) => !reached.has(id))).toEqual([]);
  });
});

describe("the paths", () => {
  test(`are more than ${MOST_SIMPLE_PATHS} simple ones with ${LOOPS} repairs and restarts, so shortest paths and edge cover stand for them`, () => {
    expect(countSimplePaths(graph, MOST_SIMPLE_PATHS + 1)).toBeGreaterThan(MOST_SIMPLE_PATHS);
    console.log(
      `phase2: ${graph.vertices.size} vertices, ${graph.edges.length} edges, ${transitions.all.length} transitions;`,
      `more than ${MOST_SIMPLE_PATHS} simple paths, so ${ways.there.size} shortest paths and`,
      `${cover.length} paths of the edge cover (${cover.reduce((steps, path) => steps + path.length, 0)} steps) are used`,
    );
  });

  test("cover every edge, self-loops and forbidden transitions included", () => {
    const walked = new Set(cover.flat());
    expect(graph.edges.filter((edge) => !walked.has(edge))).toEqual([]);
    expect([...walked].some((edge) => edge.name === "agent.running" && edge.from === edge.to)).toBe(true);
  });

  test("cover every transition, and say so in coverage/paths.json", () => {
    const coverage = coverageOf(graph, cover);
    expect(coverage.transitions.filter(({ paths }) => paths.length === 0)).toEqual([]);
    const folder = new URL("../../coverage/", import.meta.url);
    mkdirSync(folder, { recursive: true });
    writeFileSync(new URL("paths.json", folder), `${JSON.stringify(coverage, null, 1)}\n`);
  });

  test("have names that tell them apart and can be read", () => {
    const names = cover.map((path) => told(graph, path));
    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain("claimJob: not dirty ⇒ skipped (skipped_not_dirty)");
    expect(names).toContain(
      "claimJob: claimed → configureAgent: failed_sandbox_policy → closeAgent: closed → recordFailure: lost ⇒ failed (failed_lost_ownership)",
    );
  });

  test("are the same from @xstate/graph and from xstate/graph", () => {
    const options = {
      ...traversal,
      input: { ...INPUT, maxRepairs: 1, maxRestarts: 0 },
      toState: isDone,
    } as never;
    const simple = getSimplePaths(phase2Machine as never, options) as unknown as Found[];
    expect(simple.length).toBeGreaterThan(1_000);
    expect(simple.map(summary)).toEqual(
      (getSimplePathsBuiltIn(phase2Machine as never, options) as unknown as Found[]).map(summary),
    );
    const shortest = getShortestPaths(phase2Machine as never, traversal as never) as unknown as Found[];
    expect(shortest.map(({ state }) => keyOf(state))).toEqual([...ways.there.keys()]);
    expect(shortest.map(summary)).toEqual(
      (getShortestPathsStandalone(phase2Machine as never, traversal as never) as unknown as Found[]).map(
        summary,
      ),
    );
  });
});

interface Found {
  readonly state: AnyMachineSnapshot;
  readonly steps: readonly { readonly event: { readonly type: string } }[];
}

function summary({ state, steps }: Found): string {
  return `${steps.map(({ event }) => JSON.stringify(event)).join()} ${keyOf(state)}`;
}

function isDone(snapshot: AnyMachineSnapshot): boolean {
  return snapshot.status === "done";
}

/** Counted depth first and only up to `limit`: there are more than a hundred thousand. */
function countSimplePaths({ start, vertices }: Graph, limit: number): number {
  const onPath = new Set<string>();
  let count = 0;
  const visit = (key: string) => {
    const edges = vertices.get(key)?.edges ?? [];
    if (edges.length === 0) count += 1;
    onPath.add(key);
    for (const { to } of edges) if (count < limit && !onPath.has(to)) visit(to);
    onPath.delete(key);
  };
  visit(start);
  return count;
}
