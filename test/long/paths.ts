import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { everyCrash } from "../paths/crash-points.ts";
import { told } from "../paths/edge-cover.ts";
import { beginningOf, executablePaths, KINDS } from "../paths/executable.ts";
import { endOf } from "../paths/outcome.ts";
import { walk } from "../paths/walk.ts";
import { templates } from "../paths/world/templates.ts";

/** A crash at every step of every path: in two files, since each file has a processor of its own. */
export function describeCrashes(when: "after" | "lost"): void {
  let homes: Awaited<ReturnType<typeof templates>>;
  beforeAll(async () => {
    homes = await templates();
  });
  afterAll(() => homes.remove());

  describe.each(KINDS)(`a crash at every step (${when}), %s`, (kind) => {
    const { graph, paths } = executablePaths(kind);
    test.each(paths.map((path) => [told(graph, path), path] as const))("%s", async (_, path) => {
      const template = homes.homeOf(beginningOf(path));
      for (const crash of everyCrash(path).filter((each) => each.when === when)) {
        const walked = await walk({ graph, path, crashes: [crash], template });
        expect({ crash, ...walked }).toEqual({ crash, ...endOf(graph, path, walked) });
      }
    });
  });
}
