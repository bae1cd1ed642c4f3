import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { told } from "./edge-cover.ts";
import { beginningOf, KINDS, pathsOfEachStep } from "./executable.ts";
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

/** Every edge of the graph is walked by the long tests, without a crash and with one at every step. */
describe.each(KINDS)("each happening in each state, by where it leads, %s", (kind) => {
  const { graph, paths } = pathsOfEachStep(kind);
  test.each(paths.map((path) => [told(graph, path), path] as const))("%s", async (_, path) => {
    const walked = await walk({ graph, path, template: homes.homeOf(beginningOf(path)) });
    expect(walked).toEqual(endOf(graph, path, walked));
  });
});
