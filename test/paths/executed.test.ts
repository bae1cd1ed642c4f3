import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { edgeCover, told } from "./edge-cover.ts";
import { beginningOf, executableGraph } from "./executable.ts";
import type { Path } from "./graph.ts";
import { endOf } from "./outcome.ts";
import { walk } from "./walk.ts";
import { templates } from "./world/templates.ts";

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

describe.each(["on a base", "first of the space"] as const)("every path of the edge cover, %s", (base) => {
  const graph = executableGraph(base);
  // What comes before the base is read is the same for both.
  const paths = edgeCover(graph).filter((path) => base === "on a base" || beginningOf(path) === "first");
  test.each(distinct(paths, base).map((path) => [told(graph, path), path] as const))(
    "%s",
    async (_, path) => {
      const walked = await walk({ graph, path, template: homes.homeOf(beginningOf(path)) });
      expect(walked).toEqual(endOf(graph, path, walked));
    },
  );
});

/** In a space without a base only the steps that have to do with it: what becomes of the workspace and the root. */
function distinct(paths: readonly Path[], base: string): readonly Path[] {
  if (base === "on a base") return paths;
  const walked = new Set<string>();
  return paths.filter((path) => {
    const news = path.map(({ name }) => name).filter((name) => !walked.has(name));
    for (const name of news) walked.add(name);
    return news.length > 0;
  });
}
