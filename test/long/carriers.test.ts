import { Client } from "pg";
import { describe, expect, onTestFinished, test } from "vitest";
import type { AgentFunction } from "../../src/agents/function-agent.ts";
import { pgBossDispatcher } from "../../src/fleet/pg-boss.ts";
import { createWorker } from "../../src/fleet/worker.ts";
import { openPostgresStore } from "../../src/persistence/postgres/index.ts";
import { diligent, phase2World, session } from "../engine/phase2-world.ts";
import { freshDatabase, sharedCluster } from "../postgres/run.ts";

const SPACES = ["t1", "t2", "t3"].flatMap((tenant) => [1, 2, 3].map((n) => `${tenant}/${n}`));

/** Workers on one database, each with a store, an engine and a home of its own. */
async function databaseWorld() {
  const database = await freshDatabase(await sharedCluster(15));
  const closing: (() => Promise<unknown>)[] = [];
  onTestFinished(async () => {
    for (const close of closing) await close();
    await database.drop();
  });
  const open = async () => {
    const store = await openPostgresStore({ url: database.url, ownerTtlMs: 5_000 });
    closing.push(() => store.close());
    return store;
  };
  const worker = async (agent: AgentFunction, isCarried: boolean) => {
    const store = await open();
    const { engine } = (await phase2World()).open(agent, { store });
    const problems: unknown[] = [];
    const dispatcher = isCarried ? { dispatcher: await pgBossDispatcher({ url: database.url }) } : {};
    const limits = { tenant: 1, fleet: 2 };
    const one = createWorker({
      engine,
      store,
      concurrency: 2,
      limits,
      onProblem: (_, error) => problems.push(error),
      ...dispatcher,
    });
    closing.unshift(async () => {
      await one.drain({ graceMs: 0 });
      await engine.close();
    });
    await one.start();
    return { worker: one, problems };
  };
  return { url: database.url, store: await open(), worker };
}

describe.each([
  ["with nothing but their own looks", false],
  ["with pg-boss", true],
])("two workers on one database, %s,", (_, isCarried) => {
  test("run each space once, within the limits of all, and leave no skipped run", async () => {
    const { url, store, worker } = await databaseWorld();
    for (const space of SPACES) await store.memories.upsert(space, [session(1)]);
    let now = 0;
    let most = 0;
    const agent: AgentFunction = async (task) => {
      now += 1;
      most = Math.max(most, now);
      const { running, tenants } = await store.admissions.overview({
        successCooldownSeconds: 0,
        retries: 3,
        nowMs: 0,
        tenants: 9,
      });
      expect([running <= 2, tenants.every((row) => row.running + row.admitted <= 1)]).toEqual([true, true]);
      now -= 1;
      return diligent(task);
    };
    const workers = [await worker(agent, isCarried), await worker(agent, isCarried)];
    const tally = () => store.runs.tally({});
    await expect
      .poll(tally, { timeout: 50_000, interval: 100 })
      .toEqual([{ state: "done", status: "succeeded", count: SPACES.length }]);
    expect([most <= 2, workers.flatMap(({ problems }) => problems)]).toEqual([true, []]);
    if (!isCarried) return;
    const client = new Client({ connectionString: url });
    await client.connect();
    onTestFinished(() => client.end());
    // A space may be brought twice, where its first worker had no place for it; it is worked on once.
    const jobs = `select state::text, count(*) filter (where output ->> 'status' = 'succeeded')::integer as succeeded,
        count(distinct singleton_key)::integer as spaces
      from pgboss.job where name = 'slowwave-due' group by state`;
    await expect
      .poll(async () => (await client.query(jobs)).rows, { timeout: 10_000 })
      .toEqual([{ state: "completed", succeeded: SPACES.length, spaces: SPACES.length }]);
  });
});
