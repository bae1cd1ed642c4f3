import fc from "fast-check";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { beginningOf, executableGraph } from "../paths/executable.ts";
import type { Edge, Path } from "../paths/graph.ts";
import { endOf } from "../paths/outcome.ts";
import { type Crash, walk } from "../paths/walk.ts";
import { templates } from "../paths/world/templates.ts";

vi.mock("../../src/domain/settings.ts", async (original) => ({
  ...(await original<object>()),
  MAX_RESTARTS: 2,
}));

let homes: Awaited<ReturnType<typeof templates>>;
beforeAll(async () => {
  homes = await templates();
});
afterAll(() => homes.remove());

const graph = executableGraph();
/** The gate walks the same ways every time; another number explores others. */
const SEED = Number(process.env.SLOWWAVE_SEED ?? 1);
const WALKS = 200;

test("random ways with several random crashes keep every law", async () => {
  let [crashes, steps, deep] = [0, 0, 0];
  await fc.assert(
    fc.asyncProperty(fc.array(step(), { minLength: 6, maxLength: 30 }), async (picks) => {
      const path = wayOf(picks.map(({ pick }) => pick));
      const planned = picks
        .slice(0, path.length)
        .flatMap(({ crash }, at) => (crash === null ? [] : [{ at, when: crash }]));
      const walked = await walk({ graph, path, crashes: planned, template: homes.homeOf(beginningOf(path)) });
      expect(walked).toEqual(endOf(graph, path, walked));
      crashes += planned.length;
      steps += walked.path.length;
      if (walked.path.length > 8) deep += 1;
    }),
    { seed: SEED, numRuns: WALKS, interruptAfterTimeLimit: 600_000, markInterruptAsFailure: true },
  );
  console.log(`${WALKS} random walks: ${steps} steps, ${crashes} crashes, ${deep} deeper than 8 steps`);
  expect(deep).toBeGreaterThan(WALKS / 20);
}, 700_000);

function step() {
  return fc.record({
    pick: fc.noBias(fc.nat(100_000)),
    crash: fc.option(fc.constantFrom<Crash["when"]>("after", "lost"), { freq: 4 }),
  });
}

/** Seven of eight picks go forward, or most walks would end at once; every walk is brought to an end. */
function wayOf(picks: readonly number[]): Path {
  const path: Edge[] = [];
  let at = graph.start;
  for (let count = 0; ; count += 1) {
    const edges = graph.vertices.get(at)?.edges ?? [];
    if (edges.length === 0) return path;
    const pick = picks[count];
    const forward = edges.find(({ name }) => name === "agent.completed") ?? edges[0];
    const edge = pick === undefined || pick % 8 > 0 ? forward : edges[Math.floor(pick / 8) % edges.length];
    if (edge === undefined) return path;
    path.push(edge);
    at = edge.to;
  }
}
