import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { crashName, everyCrash, oneCrashPerStep } from "../paths/crash-points.ts";
import { told } from "../paths/edge-cover.ts";
import { beginningOf, executablePaths, KINDS } from "../paths/executable.ts";
import type { Graph, Path } from "../paths/graph.ts";
import { endOf } from "../paths/outcome.ts";
import { type Crash, walk } from "../paths/walk.ts";
import { type Databases, onSqlite } from "../paths/world/databases.ts";
import { onPostgres } from "../paths/world/on-postgres.ts";
import { templates } from "../paths/world/templates.ts";

/**
 * A crash at every step of every path: in two files, since each file has a processor of its own. Nothing dies after the
 * last step, so that each path is also walked without a crash.
 */
export function describeCrashes(when: "after" | "lost"): void {
  const crashing = walksOn(async () => onSqlite);
  describe.each(KINDS)(`a crash at every step (${when}), %s`, (kind) => {
    const { graph, paths } = executablePaths(kind);
    test.each(paths.map((path) => [told(graph, path), path] as const))("%s", async (_, path) => {
      for (const crash of everyCrash(path).filter((each) => each.when === when)) {
        await crashing(graph, path, crash);
      }
    });
  });
}

/**
 * On PostgreSQL, where a walk takes several times as long, not every crash of every path: in one file both crashes at
 * every happening in every state, in the other every path once, with one crash at a step that goes on from path to path.
 */
export function describeCrashesOnPostgres(which: "of every state" | "of every path"): void {
  const crashing = walksOn(() => onPostgres(15));
  describe.each(KINDS)(`a crash ${which} on PostgreSQL, %s`, (kind) => {
    const { graph, paths } = executablePaths(kind);
    const points =
      which === "of every state"
        ? oneCrashPerStep(graph, paths)
        : paths.map((path, number) => ({ path, crash: crashAt(path, number) }));
    test.each(points.map((point) => [crashName(point), point] as const))("%s", async (_, { path, crash }) => {
      await crashing(graph, path, crash);
    });
  });
}

/** Odd and even paths die in the two ways, and no two neighbours at the same step. */
function crashAt(path: Path, number: number): Crash {
  return { at: Math.floor(number / 2) % path.length, when: number % 2 === 0 ? "after" : "lost" };
}

/** Walks in worlds whose databases are these; to be called at the top of a file. */
function walksOn(open: () => Promise<Databases>) {
  let databases: Databases;
  let homes: Awaited<ReturnType<typeof templates>>;
  beforeAll(async () => {
    databases = await open();
    homes = await templates(databases);
  });
  afterAll(async () => {
    homes.remove();
    await databases.close();
  });
  return async (graph: Graph, path: Path, crash: Crash) => {
    const template = homes.homeOf(beginningOf(path));
    const walked = await walk({ graph, path, crashes: [crash], template, databases });
    expect({ crash, ...walked }).toEqual({ crash, ...endOf(graph, path, walked) });
  };
}
