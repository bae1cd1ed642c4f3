import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { LocalStore } from "../../src/domain/ports.ts";
import { createMemoryWorld, openMemoryStore } from "../../src/persistence/memory/index.ts";
import { inStep } from "../../src/testing/store/given.ts";
import { openOnTestTime, type TestTime } from "../contract/postgres-world.ts";
import { session } from "../engine/phase2-world.ts";
import { expectGolden } from "../original/golden.ts";
import { STORIES } from "../original/stories.ts";
import { transcript } from "../original/transcript.ts";
import { originalWorld } from "../original/world.ts";
import { freshDatabase, sharedCluster } from "../postgres/run.ts";

/** Whole runs of phase 2 on PostgreSQL: a database of its own for each, and locks of one machine beside it. */
async function onPostgres(): ReturnType<Parameters<typeof originalWorld>[0]> {
  const cluster = await sharedCluster(15);
  const database = await freshDatabase(cluster);
  const machine = createMemoryWorld();
  const time: TestTime = { ms: null };
  const setNowMs = async (nowMs: number) => {
    time.ms = nowMs;
  };
  const past = (statement: string) =>
    void execFileSync(join(cluster.bin, "psql"), [database.url, "-q", "-c", statement]);
  const literal = (value: unknown) => (value === null ? "null" : `'${String(value)}'`);
  return {
    open: async (): Promise<LocalStore> => {
      const store = await openOnTestTime({ url: database.url }, time);
      const { a } = inStep({ a: store, b: store, close: async () => {}, setNowMs });
      const { locks, close } = openMemoryStore({ world: machine });
      const closeBoth = async () => {
        await store.close();
        await close();
      };
      return {
        ...store,
        jobs: a.jobs,
        sessions: a.sessions,
        admissions: a.admissions,
        locks,
        close: closeBoth,
      };
    },
    edit: (columns) => {
      const set = Object.entries(columns).map(([column, value]) => `${column} = ${literal(value)}`);
      past(`update slowwave.jobs set ${set.join(", ")} where job_key = 'global'`);
    },
    editRun: (run, version) =>
      past(`update slowwave.runs set version = ${literal(version)} where id = ${literal(run)}`),
    close: () => database.drop(),
  };
}

/** It tells when a lease was given up, by a clock that goes on while a real server takes its time to answer. */
const BY_THE_SECOND = "failed_confirm_ownership-lease";

describe("whole runs on PostgreSQL", () => {
  test.each(Object.entries(STORIES).filter(([file]) => file !== BY_THE_SECOND))(
    "%s",
    async (file, { title, play }) => {
      const world = await originalWorld(onPostgres);
      const text = transcript(title, world);
      await play(world, text);
      expectGolden(file, text.text());
    },
  );
});

test("killed before each call to the store, a run is ended by the next process: published once, settled once", async () => {
  const calm = await originalWorld(onPostgres);
  await calm.store.memories.upsert("global", [session(1)]);
  const calls: string[] = [];
  const whole = await calm.start(undefined, {
    before: (call) => {
      calls.push(call);
      return null;
    },
  });
  const run = await whole.engine.start({});
  expect((await run.result).status).toBe("succeeded");
  await whole.close();
  const first = calls.indexOf("runs.create") + 1;
  expect(calls.length - first).toBeGreaterThan(20);

  for (let doomed = first; doomed < calls.length; doomed += 1) {
    const world = await originalWorld(onPostgres);
    await world.store.memories.upsert("global", [session(1)]);
    let count = 0;
    const moment = Promise.withResolvers<void>();
    const victim = await world.start(undefined, {
      before: () => {
        count += 1;
        if (count <= doomed) return null;
        moment.resolve();
        return new Promise(() => {});
      },
    });
    const started = victim.engine.start({}).then((own) => own.result);
    // The last calls come after its end: then there is nothing to take over.
    await Promise.race([moment.promise, started]);
    await victim.kill();
    const next = await world.start();
    for (const adopted of await next.engine.recover()) await adopted.result;
    const row = await world.row();
    const generations = await world.store.generations.list("global", 9);
    const runs = await world.store.runs.list({ limit: 9 });
    expect({
      before: calls[doomed],
      job: row?.status,
      retries: row?.retry_remaining,
      generations: generations.map(({ kind }) => kind),
      runs: runs.map(({ state }) => state),
    }).toEqual({
      before: calls[doomed],
      job: "done",
      retries: 3,
      generations: ["published"],
      runs: ["done"],
    });
    await next.close();
  }
});
