import { mkdirSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { structureHash } from "../../src/durable/versions.ts";
import type { Phase1Context } from "../../src/machines/phase1.ts";
import { phase1Machine } from "../../src/machines/phase1.ts";
import { edgeCover, shortestWays, told } from "../paths/edge-cover.ts";
import type { Path } from "../paths/graph.ts";
import { ALPHABET, ANSWERS, phase1Graph, transitions } from "./graph.ts";
import { type Crash, walk } from "./walk.ts";

const graph = phase1Graph();
const cover = edgeCover(graph);

describe("the graph of everything that can happen to a run of phase 1", () => {
  test("knows an answer of every actor and every event that the machine listens for", () => {
    const invoked = new Set(transitions.all.flatMap(({ event }) => /actor\.(\w+)/.exec(event)?.[1] ?? []));
    expect(new Set(Object.keys(ANSWERS))).toEqual(invoked);
    expect(new Set(ALPHABET.map(({ event }) => event.type))).toEqual(
      new Set(transitions.all.map(({ event }) => event)),
    );
  });

  test("has a way out of every state, into the three final states only", () => {
    const { out } = shortestWays(graph);
    expect([...graph.vertices.keys()].filter((key) => !out.has(key))).toEqual([]);
    const ends = [...graph.vertices.values()].filter(({ edges }) => edges.length === 0);
    expect(new Set(ends.map(({ value }) => value))).toEqual(new Set(["succeeded", "skipped", "failed"]));
  });

  test("ends with a status by its name in every case", () => {
    const ends = [...graph.vertices.values()].filter(({ edges }) => edges.length === 0);
    const wrong = ends.filter(({ value, snapshot }) => {
      const { status } = snapshot.context as Phase1Context;
      if (value === "failed") return !/^(failed_|cancelled)/.test(status ?? "");
      return !status?.startsWith(value);
    });
    expect(wrong.map(({ key }) => key)).toEqual([]);
  });

  test("is covered by paths that take every transition, and says so in coverage/paths-phase1.json", () => {
    const walked = new Map<string, number[]>(transitions.all.map(({ id }) => [id, []]));
    cover.forEach((path, at) => {
      for (const id of new Set(path.flatMap((edge) => edge.transitions))) walked.get(id)?.push(at);
    });
    expect([...walked].filter(([, paths]) => paths.length === 0)).toEqual([]);
    const all = transitions.all.map((named) => ({ ...named, paths: walked.get(named.id) }));
    const coverage = { machine: phase1Machine.id, hash: structureHash(phase1Machine), transitions: all };
    const folder = new URL("../../coverage/", import.meta.url);
    mkdirSync(folder, { recursive: true });
    const paths = cover.map((path) => told(graph, path));
    writeFileSync(
      new URL("paths-phase1.json", folder),
      `${JSON.stringify({ ...coverage, paths }, null, 1)}\n`,
    );
    console.log(
      `phase1: ${graph.vertices.size} vertices, ${graph.edges.length} edges, ${transitions.all.length} transitions, all walked by ${cover.length} paths`,
    );
  });
});

function endOf(path: Path): { value: string | undefined; status: string | null } {
  const end = graph.vertices.get(path.at(-1)?.to ?? graph.start);
  const { status = null } = (end?.snapshot.context ?? {}) as Partial<Phase1Context>;
  return { value: end?.value, status };
}

describe("on the durable engine every path ends as the graph says", () => {
  test.each(cover.map((path) => [told(graph, path), path] as const))("%s", async (_, path) => {
    expect(await walk(path)).toMatchObject(endOf(path));
  });
});

/** Every happening in every state once, on the shortest path that has it. */
function oneCrashPerStep(): readonly (readonly [name: string, path: Path, crash: Crash])[] {
  const known = new Set<string>();
  const points: (readonly [string, Path, Crash])[] = [];
  for (const path of [...cover].sort((a, b) => a.length - b.length)) {
    path.forEach((edge, at) => {
      const kind = `${graph.vertices.get(edge.from)?.value} ${edge.name}`;
      if (known.has(kind)) return;
      known.add(kind);
      points.push([`${kind}, committed ✝`, path, { at, when: "after" }]);
      points.push([`${kind} ✝ not committed`, path, { at, when: "lost" }]);
    });
  }
  return points;
}

describe("a process that dies at any step is replaced by one that ends the run as it would have ended", () => {
  test.each(oneCrashPerStep())("%s", async (_, path, crash) => {
    expect(await walk(path, crash)).toMatchObject(endOf(path));
  });
});
