import { describe, expect, test } from "vitest";
import type { AgentFunction } from "../../src/agents/function-agent.ts";
import type { AgentUsage } from "../../src/domain/agent.ts";
import type { Clock } from "../../src/domain/clock.ts";
import type { Store } from "../../src/domain/ports.ts";
import { DAY_MS, dayUse } from "../../src/domain/usage.ts";
import { systemClock } from "../../src/durable/system.ts";
import { openMemoryStore } from "../../src/persistence/memory/index.ts";
import { diligent, phase2World, session } from "./phase2-world.ts";

const START_MS = Date.parse("2026-03-22T08:00:00Z");
const HOUR_MS = 60 * 60 * 1_000;

/** Does its work and says what it cost. */
const costing =
  (usage: Partial<AgentUsage>, then: AgentFunction = diligent): AgentFunction =>
  (task) => {
    const nothing = { turns: 1, inputTokens: null, outputTokens: null, costUsd: null, estimated: false };
    task.report({ type: "agent.usage", usage: { ...nothing, ...usage } });
    return then(task);
  };

const failing: AgentFunction = () => {
  throw new Error("no");
};

/** The clock on the wall is the test's, timers are real. */
async function world() {
  const { shared, open } = await phase2World();
  let nowMs = START_MS;
  const clock: Clock = { ...systemClock, nowMs: () => nowMs };
  const store = openMemoryStore({ world: shared });
  let sessions = 0;
  return {
    shared,
    store,
    clock,
    open: (agent?: Parameters<typeof open>[0], options: Parameters<typeof open>[1] = {}) =>
      open(agent, { clock, ...options }).engine,
    learn: async () => store.memories.upsert("global", [session(++sessions)]),
    wait: (ms: number) => {
      nowMs += ms;
    },
    at: (ms: number) => `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")}Z`,
  };
}

describe("runs a day", () => {
  test("the one too many is skipped before the claim, says when and how to go on, and may start a day later", async () => {
    const { open, learn, wait, shared, at } = await world();
    const engine = open(diligent, { maxRunsPerDay: 2 });
    for (let run = 0; run < 2; run += 1) {
      await learn();
      expect((await (await engine.start()).result).status).toBe("succeeded");
      wait(HOUR_MS);
    }
    await learn();
    const job = structuredClone(shared.jobs.get("global"));
    const skipped = await (await engine.start()).result;
    expect(skipped).toMatchObject({
      outcome: "skipped",
      status: "skipped_retry_unavailable",
      reason: {
        code: "skipped_retry_unavailable",
        message: `The budget of this space for 24 hours is used up, 2 of 2 runs (maxRunsPerDay); it frees up at ${at(START_MS + DAY_MS)}, and \`slowwave run --max-runs-per-day none\` does not wait.`,
        cause: null,
      },
      budget: [],
      claimedWatermark: null,
    });
    expect(shared.jobs.get("global")).toEqual(job);
    // Asked for by a person, the job would be given; the budget is not theirs to lift by that.
    expect((await (await engine.start({ now: true })).result).status).toBe("skipped_retry_unavailable");
    wait(DAY_MS - 2 * HOUR_MS - 1);
    expect((await (await engine.start()).result).status).toBe("skipped_retry_unavailable");
    wait(1);
    expect((await (await engine.start()).result).status).toBe("succeeded");
  });

  test("is lifted for one run by its name", async () => {
    const { open, learn } = await world();
    const engine = open(diligent, { maxRunsPerDay: 1 });
    await learn();
    await (await engine.start()).result;
    await learn();
    expect((await (await engine.start({ maxRunsPerDay: null })).result).status).toBe("succeeded");
  });

  test("failed, cancelled and dry runs count, skipped ones don't, and other spaces have their own", async () => {
    const { open, learn, store, clock } = await world();
    const engine = open(costing({ inputTokens: 10, outputTokens: 1, costUsd: 0.25 }, failing), {
      retryDelaySeconds: 0,
    });
    await (await engine.start()).result;
    await learn();
    await (await engine.start()).result;
    const { run } = await (await engine.start({ dryRun: true })).result;
    await store.memories.upsert("other", [session(9)]);
    await (await engine.start({ space: "other" })).result;
    const limits = { maxRunsPerDay: 5, maxTokensPerDay: 30, maxCostUsdPerDay: 0.4 };
    const request = { space: "global", nowMs: clock.nowMs(), limits };
    expect(await dayUse(store.runs, request)).toEqual({
      runs: { used: 2, limit: 5, left: 3 },
      tokens: { used: 22, limit: 30, left: 8, estimated: false },
      costUsd: { used: 0.5, limit: 0.4, left: 0 },
      spent: ["maxCostUsdPerDay"],
      freeAtMs: START_MS + DAY_MS,
    });
    const others = await dayUse(store.runs, { ...request, except: run });
    expect([others.runs.used, others.spent, others.freeAtMs]).toEqual([1, [], null]);
  });
});

describe("tokens and cost a day", () => {
  test("are those of all runs; they free up when enough of them is a day old", async () => {
    const { open, learn, wait, at } = await world();
    const tokens = [300, 500, 400];
    for (const inputTokens of tokens) {
      await learn();
      const engine = open(costing({ inputTokens, costUsd: 1 }), { maxTokensPerDay: 1_000 });
      expect((await (await engine.start()).result).status).toBe("succeeded");
      wait(HOUR_MS);
    }
    await learn();
    const engine = open(diligent, { maxTokensPerDay: 1_000, maxCostUsdPerDay: 2.5 });
    const { reason } = await (await engine.start()).result;
    // 1,200 tokens and $3: the first run's age frees both budgets.
    expect(reason?.message).toBe(
      `The budget of this space for 24 hours is used up, 1,200 of 1,000 tokens (maxTokensPerDay) and $3.00 of $2.50 (maxCostUsdPerDay); it frees up at ${at(START_MS + DAY_MS)}, and \`slowwave run --max-tokens-per-day none --max-cost-per-day none\` does not wait.`,
    );
    wait(DAY_MS - 3 * HOUR_MS);
    expect((await (await engine.start({ maxTokensPerDay: 800 })).result).reason?.message).toContain(
      "900 of 800 tokens",
    );
    expect((await (await engine.start()).result).status).toBe("succeeded");
  });
});

describe("two processes at once", () => {
  test("can't both have the last run of the day: the later one gives the job back as it was", async () => {
    const { open, learn, store, shared } = await world();
    const first = open(diligent);
    await learn();
    let meanwhile = async () => {
      meanwhile = async () => {};
      // Between the other's look at the day and its claim, a whole run takes place, and something new is learnt.
      expect((await (await first.start()).result).status).toBe("succeeded");
      await learn();
      row = structuredClone(shared.jobs.get("global"));
    };
    let row = shared.jobs.get("global");
    const late: Store = {
      ...store,
      jobs: {
        ...store.jobs,
        claim: async (request) => {
          await meanwhile();
          return store.jobs.claim(request);
        },
      },
    };
    const second = open(diligent, { store: late, maxRunsPerDay: 1 });
    const result = await (await second.start()).result;
    expect([result.status, result.reason?.message]).toEqual([
      "skipped_retry_unavailable",
      expect.stringContaining("1 of 1 runs (maxRunsPerDay)"),
    ]);
    expect(shared.jobs.get("global")).toEqual({ ...row, fence: (row?.fence ?? 0) + 1 });
    expect((await (await second.start({ maxRunsPerDay: 2 })).result).status).toBe("succeeded");
  });
});

describe("three failures in a row", () => {
  test("stop a space until somebody asks for a run, or something new is learnt", async () => {
    const { open, learn, wait, shared } = await world();
    const engine = open(failing);
    await learn();
    const run = async (request = {}) => (await (await engine.start(request)).result) ?? null;
    for (let failures = 1; failures <= 3; failures += 1) {
      expect((await run()).status).toBe("failed_agent");
      expect(shared.jobs.get("global")?.retry_remaining).toBe(3 - failures);
      const waiting = await run();
      expect([waiting.status, /no retry was left/.test(waiting.reason?.message ?? "")]).toEqual([
        "skipped_retry_unavailable",
        failures === 3,
      ]);
      wait(HOUR_MS);
    }
    wait(30 * DAY_MS);
    expect((await run()).status).toBe("skipped_retry_unavailable");
    await learn();
    expect((await run()).status).toBe("failed_agent");
    for (const _ of [2, 3]) {
      wait(HOUR_MS);
      expect((await run()).status).toBe("failed_agent");
    }
    wait(HOUR_MS);
    expect((await run()).status).toBe("skipped_retry_unavailable");
    expect((await run({ now: true })).status).toBe("failed_agent");
    wait(HOUR_MS);
    expect((await run()).status).toBe("failed_agent");
  });

  test("a success between them begins the count anew", async () => {
    const { open, learn, wait } = await world();
    let isGood = false;
    const engine = open((task) => (isGood ? diligent(task) : failing(task)));
    const run = async () => (await (await engine.start()).result).status;
    await learn();
    const seen: string[] = [];
    for (const good of [false, false, true, false, false, false]) {
      isGood = good;
      seen.push(await run());
      if (good) await learn();
      wait(HOUR_MS);
    }
    expect(seen).toEqual([
      "failed_agent",
      "failed_agent",
      "succeeded",
      "failed_agent",
      "failed_agent",
      "failed_agent",
    ]);
    expect(await run()).toBe("skipped_retry_unavailable");
  });
});
