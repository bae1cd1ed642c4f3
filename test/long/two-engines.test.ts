import { describe, expect, test } from "vitest";
import type { GenerationStore } from "../../src/domain/generation.ts";
import type { JobRow } from "../../src/domain/job.ts";
import { dotted } from "../../src/durable/transition.ts";
import { memoryGenerations } from "../../src/persistence/memory/generations.ts";
import { memoryJobs } from "../../src/persistence/memory/jobs.ts";
import type { MemoryWorld } from "../../src/persistence/memory/world.ts";
import { explore, type Laws } from "../paths/explore.ts";
import type { Product, Side } from "../paths/product-state.ts";

const SAFE: Laws = {
  "a write by who does not own the job": ({ crime }) => crime !== null,
  "two generations by one run": ({ published }) => new Set(published).size < published.length,
  "success told, but not written": ({ sides, settlements }) =>
    sides.some((side) => ended(side, "succeeded") && settlementOf(side, settlements) !== "succeeded"),
  "success written, but not told": ({ sides, settlements }) =>
    sides.some((side) => ended(side, "failed") && settlementOf(side, settlements) === "succeeded"),
  "lost ownership told by who settled the job": ({ sides, settlements }) =>
    sides.some(
      (side) =>
        side.snapshot.context.status === "failed_lost_ownership" &&
        side.snapshot.status === "done" &&
        settlementOf(side, settlements) !== undefined,
    ),
  "a job left running by a run that ended": ({ sides, row }) =>
    sides.some(
      ({ snapshot }) =>
        snapshot.status === "done" &&
        row.status === "running" &&
        row.ownership_token === snapshot.context.token,
    ),
  "an agent left behind by a run that ended": ({ sides }) =>
    sides.some(({ snapshot, agent }) => snapshot.status === "done" && agent !== "none"),
};

const EXCLUSIVE: Laws = {
  "two agents alive": ({ sides }) => sides.every(({ agent }) => agent !== "none"),
  "two runs past the claim": ({ sides }) => sides.every(({ snapshot }) => isAtWork(dotted(snapshot.value))),
};

describe("two processes and one job, every order of what they do, die and are replaced by", () => {
  // Of two that died, one goes on and the other one, which owns nothing any more, ends: past the claim are both.
  const oneAgent = { "two agents alive": EXCLUSIVE["two agents alive"] as Laws[string] };
  test.each([
    [1, { ...SAFE, ...EXCLUSIVE }],
    [2, { ...SAFE, ...oneAgent }],
  ] as const)("no law is broken, nobody is stuck; deaths: %i", async (maxDeaths, laws) => {
    const explored = await explore({ maySleep: false, maxDeaths }, laws);
    const { broken, stuck, states, steps } = explored;
    console.log(`two processes, one job, at most ${maxDeaths} deaths: ${states} states, ${steps} steps`);
    expect({ broken, stuck }).toEqual({ broken: {}, stuck: [] });
    expect(states).toBeGreaterThan(1_000);
  });

  test("a process that sleeps past its lease wakes up harmless: its writes have no effect", async () => {
    const { broken, stuck } = await explore({ maySleep: true, maxDeaths: 0 }, { ...SAFE, ...EXCLUSIVE });
    // Its agent may still breathe in its own staging, and that is all.
    expect({ safe: pick(broken, SAFE), stuck }).toEqual({ safe: {}, stuck: [] });
    expect(Object.keys(broken).sort()).toEqual(Object.keys(EXCLUSIVE).sort());
  });
});

describe("the check is worth something: with a guard taken away it tells a story", () => {
  test("when writes do not name their owner, who lost the job overwrites it", async () => {
    const { broken } = await explore({ maySleep: true, maxDeaths: 0, jobs: unguardedJobs }, SAFE);
    expect(broken["a write by who does not own the job"]).toContain("the lease runs out");
  });

  test("when the publish is not fenced, who lost the job publishes", async () => {
    const { broken } = await explore(
      { maySleep: true, maxDeaths: 0, generations: unfencedGenerations },
      SAFE,
    );
    expect(broken["a write by who does not own the job"]).toContain("publishMemory");
  });

  test("when settlements leave no trace, a repeated one is taken for a loss", async () => {
    const { broken } = await explore({ maySleep: false, maxDeaths: 1, jobs: forgetfulJobs }, SAFE);
    expect(broken["success written, but not told"]).toContain("recordSuccess: applied, unheard, and dies");
  });

  test("when a takeover ends the agent of its own run only, two deaths leave two agents alive", async () => {
    const { broken } = await explore({ maySleep: false, maxDeaths: 2, leavesOrphans: true }, EXCLUSIVE);
    expect(broken["two agents alive"]).toContain("is taken over");
  });

  test("when a claim does not know its own row, a repeated one is refused and the job stays running", async () => {
    const { broken } = await explore({ maySleep: false, maxDeaths: 1, jobs: strangerJobs }, SAFE);
    expect(broken["a job left running by a run that ended"]).toContain(
      "claimJob: claimed, unheard, and dies",
    );
  });
});

/** Every write finds the row to be its own. */
function unguardedJobs(world: MemoryWorld) {
  const jobs = memoryJobs(world);
  const own = (space: string, token: string, fence: number) => {
    const row = world.jobs.get(space) as JobRow;
    world.jobs.set(space, { ...row, status: "running", ownership_token: token, fence });
  };
  return {
    ...jobs,
    succeed: (by: Parameters<typeof jobs.succeed>[0]) => {
      own(by.lease.space, by.lease.token, by.lease.fence);
      return jobs.succeed(by);
    },
    fail: (by: Parameters<typeof jobs.fail>[0]) => {
      own(by.lease.space, by.lease.token, by.lease.fence);
      return jobs.fail(by);
    },
  };
}

/** Whoever publishes is taken for the owner. */
function unfencedGenerations(world: MemoryWorld) {
  return {
    ...memoryGenerations(world),
    commit: (request: Parameters<GenerationStore["commit"]>[0]) => {
      const { space = "", token = "", fence = 0 } = request.lease ?? {};
      const row = { status: "running", ownership_token: token, fence } as JobRow;
      return memoryGenerations({ ...world, jobs: new Map([[space, row]]) }).commit(request);
    },
  };
}

/** Settlements are written down and never found again. */
function forgetfulJobs(world: MemoryWorld) {
  const { settlements } = world;
  const blind = {
    get: () => undefined,
    set: (key: string, how: string) => settlements.set(key, how),
    delete: () => true,
  };
  return memoryJobs({ ...world, settlements: blind as unknown as MemoryWorld["settlements"] });
}

function strangerJobs(world: MemoryWorld) {
  const jobs = memoryJobs(world);
  return {
    ...jobs,
    claim: async (request: Parameters<typeof jobs.claim>[0]) => {
      const isRunning = world.jobs.get(request.space)?.status === "running";
      return isRunning ? ({ kind: "skipped", why: "running" } as const) : jobs.claim(request);
    },
  };
}

function isAtWork(value: string): boolean {
  return /^(configuring|loading|syncing|spawning|supervising|verifying|publishing)/.test(value);
}

function ended({ snapshot }: Side, value: string): boolean {
  return snapshot.status === "done" && snapshot.value === value;
}

function settlementOf({ snapshot }: Side, settlements: Product["settlements"]): string | undefined {
  return settlements.get(JSON.stringify([snapshot.context.space, snapshot.context.token]));
}

function pick(broken: Readonly<Record<string, string>>, laws: Laws): Record<string, string> {
  return Object.fromEntries(Object.entries(broken).filter(([law]) => law in laws));
}
