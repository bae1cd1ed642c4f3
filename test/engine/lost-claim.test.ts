import { expect, test } from "vitest";
import type { JobStore } from "../../src/domain/job.ts";
import type { Store } from "../../src/domain/ports.ts";
import { createMemoryWorld, openMemoryStore } from "../../src/persistence/memory/index.ts";
import { diligent, phase2World, session } from "./phase2-world.ts";

/** A store of one job to do, with some calls of its job port replaced. */
async function storeWith(change: (jobs: JobStore) => Partial<JobStore>): Promise<Store> {
  const store = openMemoryStore({ world: createMemoryWorld() });
  await store.memories.upsert("global", [session(1)]);
  return { ...store, jobs: { ...store.jobs, ...change(store.jobs) } };
}

/** The claim is committed, and its answer never arrives; the first time only. */
function losingTheAnswer(jobs: JobStore): Pick<JobStore, "claim"> {
  let isLost = false;
  return {
    claim: async (request) => {
      const answer = await jobs.claim(request);
      if (isLost) return answer;
      isLost = true;
      throw new Error("Connection terminated unexpectedly");
    },
  };
}

test("a claim whose answer was lost is found by its token and given back, so that the next run has the space", async () => {
  const store = await storeWith(losingTheAnswer);
  const { engine } = (await phase2World()).open(diligent, { store });
  expect(await (await engine.start()).result).toMatchObject({
    status: "failed_claim",
    reason: { cause: "Connection terminated unexpectedly" },
  });
  expect(await store.jobs.read("global")).toMatchObject({ status: "pending", lease_until: null });
  expect((await (await engine.start()).result).status).toBe("succeeded");
});

test("a dry run whose claim's answer was lost leaves the row as it was", async () => {
  const store = await storeWith(losingTheAnswer);
  const before = await store.jobs.read("global");
  const { engine } = (await phase2World()).open(diligent, { store });
  await (await engine.start({ dryRun: true })).result;
  expect(await store.jobs.read("global")).toEqual({ ...before, fence: 1 });
});

test("a claim that could not be given back is given back by the next start, whose store answers again", async () => {
  let isBroken = true;
  const store = await storeWith((jobs) => ({
    ...losingTheAnswer(jobs),
    takeOver: async (request) => {
      if (isBroken) throw new Error("Connection refused");
      return jobs.takeOver(request);
    },
  }));
  const { engine } = (await phase2World()).open(diligent, { store });
  expect((await (await engine.start()).result).status).toBe("failed_claim");
  expect((await store.jobs.read("global"))?.status).toBe("running");
  isBroken = false;
  expect((await (await engine.start()).result).status).toBe("succeeded");
});

test("a job whose last write failed for good is settled by the next recovery as its run ended", async () => {
  let isBroken = true;
  const store = await storeWith((jobs) => ({
    fail: async (request) => {
      if (isBroken) throw new Error("disk I/O error");
      return jobs.fail(request);
    },
  }));
  const { engine } = (await phase2World()).open(() => Promise.reject(new Error("no")), { store });
  expect((await (await engine.start()).result).status).toBe("failed_agent");
  expect((await store.jobs.read("global"))?.status).toBe("running");
  isBroken = false;
  expect(await engine.recover()).toEqual([]);
  expect(await store.jobs.read("global")).toMatchObject({
    status: "error",
    last_error: "failed_agent",
    retry_remaining: 2,
  });
});

test("a claim whose second look at the day's budget fails does not keep the space", async () => {
  const store = await storeWith(() => ({}));
  let looks = 0;
  const runs = {
    ...store.runs,
    list: async (filter: Parameters<typeof store.runs.list>[0]) => {
      if (filter.state === undefined && filter.limit === 100) looks += 1;
      if (looks === 2) throw new Error("disk I/O error");
      return store.runs.list(filter);
    },
  };
  const { engine } = (await phase2World()).open(diligent, { store: { ...store, runs }, maxRunsPerDay: 5 });
  const before = await store.jobs.read("global");
  expect((await (await engine.start()).result).status).toBe("failed_claim");
  expect([looks, await store.jobs.read("global")]).toEqual([2, { ...before, fence: 1 }]);
});
