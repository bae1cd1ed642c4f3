import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { crashName, everyCrash } from "../paths/crash-points.ts";
import { edgeCover } from "../paths/edge-cover.ts";
import { beginningOf, executableGraph } from "../paths/executable.ts";
import { endOf } from "../paths/outcome.ts";
import { walk } from "../paths/walk.ts";
import { templates } from "../paths/world/templates.ts";

/** The way out of the restart loop is part of the paths; five rounds would only make them longer. */
vi.mock("../../src/domain/settings.ts", async (original) => ({
  ...(await original<object>()),
  MAX_RESTARTS: 2,
}));

let homes: Awaited<ReturnType<typeof templates>>;
beforeAll(async () => {
  homes = await templates();
});
afterAll(() => homes.remove());

describe.each(["on a base", "first of the space"] as const)("%s", (base) => {
  const graph = executableGraph(base);
  const paths = edgeCover(graph).filter((path) => base === "on a base" || beginningOf(path) === "first");
  const byPath = Map.groupBy(everyCrash(paths), ({ path }) => path);
  test.each(
    [...byPath.values()].map(
      (points) => [points[0] === undefined ? "" : crashName(points[0]), points] as const,
    ),
  )(
    "a crash at every step of the path that begins %s",
    async (_, points) => {
      for (const { path, crash } of points) {
        const walked = await walk({
          graph,
          path,
          crashes: [crash],
          template: homes.homeOf(beginningOf(path)),
        });
        expect({ crash, ...walked }).toEqual({ crash, ...endOf(graph, path, walked) });
      }
    },
    120_000,
  );
});
