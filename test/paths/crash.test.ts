import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { crashName, oneCrashPerStep } from "./crash-points.ts";
import { beginningOf, DRY_CLAIM, executableGraph } from "./executable.ts";
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

/** Every happening in every state; the long tests have every step of every path. */
describe("a process that dies at any step is replaced by one that ends the run as it would have ended", () => {
  const [plain, dry] = [executableGraph(), executableGraph("as a dry run")];
  const points = [plain, dry].flatMap((graph) =>
    oneCrashPerStep(graph)
      // A dry run is one from its claim on.
      .filter(
        ({ path, crash }) =>
          graph === plain || path.slice(0, crash.at + 1).some(({ name }) => name === DRY_CLAIM),
      )
      .map((point) => [crashName(point), graph, point] as const),
  );
  test.each(points)("%s", async (_, graph, { path, crash }) => {
    const walked = await walk({ graph, path, crashes: [crash], template: homes.homeOf(beginningOf(path)) });
    expect(walked).toEqual(endOf(graph, path, walked));
  });
});
