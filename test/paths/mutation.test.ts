import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { oneCrashPerStep } from "./crash-points.ts";
import { edgeCover } from "./edge-cover.ts";
import { beginningOf, executableGraph } from "./executable.ts";
import type { Path } from "./graph.ts";
import { endOf } from "./outcome.ts";
import { type Crash, walk } from "./walk.ts";
import { overriding } from "./world/ports.ts";
import type { Sabotage } from "./world/process.ts";
import { templates } from "./world/templates.ts";

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
const crashes = oneCrashPerStep(graph).map(({ path, crash }) => ({ path, crashes: [crash] }));
const plain = edgeCover(graph).map((path) => ({ path, crashes: [] }));

/** A guard of the store or of the agents taken away, and the walks that stand on it. */
const MUTATIONS: readonly { name: string; walks: readonly Journey[]; sabotage: Sabotage }[] = [
  {
    name: "a claim that does not know its own row",
    walks: lostAt("claimJob: claimed"),
    sabotage: ({ store, runner }) => ({
      runner,
      store: {
        ...store,
        jobs: overriding(store.jobs, {
          claim: async (request) =>
            (await store.jobs.read(request.space))?.status === "running"
              ? { kind: "skipped", why: "running" }
              : store.jobs.claim(request),
        }),
      },
    }),
  },
  {
    name: "a success that does not find its own trace",
    walks: lostAt("recordSuccess: applied"),
    sabotage: ({ store, runner }) => ({
      runner,
      store: {
        ...store,
        jobs: overriding(store.jobs, {
          succeed: async (by) => {
            const settled = await store.jobs.succeed(by);
            return settled === "already" ? "lost" : settled;
          },
        }),
      },
    }),
  },
  {
    name: "a failure that is written whoever owns the row",
    walks: plainWith("recordFailure: lost"),
    sabotage: ({ store, runner }) => ({
      runner,
      store: {
        ...store,
        jobs: overriding(store.jobs, {
          fail: async (by) => {
            const row = await store.jobs.read(by.lease.space);
            const lease = { ...by.lease, token: row?.ownership_token ?? "", fence: row?.fence ?? 0 };
            return store.jobs.fail({ ...by, lease });
          },
        }),
      },
    }),
  },
  {
    name: "a publish that is not fenced",
    walks: plainWith("publishMemory: lost"),
    sabotage: ({ store, runner }) => ({
      runner,
      store: {
        ...store,
        generations: overriding(store.generations, {
          commit: async (request) => {
            const row = await store.jobs.read(request.generation.space);
            const { job_key: space = "", ownership_token: token, fence = 0 } = row ?? {};
            return store.generations.commit({ ...request, lease: { space, token: token ?? "", fence } });
          },
        }),
      },
    }),
  },
  {
    name: "orphans that nobody ends",
    walks: crashes.filter(
      ({ path, crashes: [crash] }) =>
        crash?.when === "after" && path[crash.at]?.name === "spawnAgent: spawned",
    ),
    sabotage: ({ store, runner }) => ({ store, runner: { ...runner, endOrphan: async () => false } }),
  },
];

describe.each(MUTATIONS)("$name", ({ walks, sabotage }) => {
  test("is found, and only by what was taken away", async () => {
    expect(walks.length).toBeGreaterThan(0);
    expect(await failures(walks)).toBe(0);
    expect(await failures(walks, sabotage)).toBe(walks.length);
  });
});

interface Journey {
  readonly path: Path;
  readonly crashes: readonly Crash[];
}

function plainWith(name: string): readonly Journey[] {
  const names = ({ path }: Journey) => path.map((edge) => edge.name);
  return plain.filter((walk) => names(walk).includes(name) && !names(walk).includes("cancel")).slice(0, 3);
}

function lostAt(name: string): readonly Journey[] {
  return crashes.filter(
    ({ path, crashes: [crash] }) => crash?.when === "lost" && path[crash.at]?.name === name,
  );
}

async function failures(walks: readonly Journey[], sabotage?: Sabotage): Promise<number> {
  let count = 0;
  for (const { path, crashes } of walks) {
    const template = homes.homeOf(beginningOf(path));
    try {
      const walked = await walk({
        graph,
        path,
        crashes,
        template,
        ...(sabotage === undefined ? {} : { sabotage }),
      });
      expect(walked).toEqual(endOf(graph, path, walked));
    } catch {
      count += 1;
    }
  }
  return count;
}
