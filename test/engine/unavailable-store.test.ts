import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import type { LocalStore } from "../../src/domain/ports.ts";
import type { LogRow } from "../../src/domain/run.ts";
import { createMemoryWorld, openMemoryStore } from "../../src/persistence/memory/index.ts";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";
import { phase2World, session } from "./phase2-world.ts";

/** Calls that are no operation on what is kept, or that nobody asks again. */
const MADE_ONCE = new Set(["watch", "register", "lock", "unlock"]);

/**
 * A store each of whose calls takes effect and loses its answer, and is then asked again, as a store does over a connection
 * that was cut. `asked` collects the names.
 */
function losingEachAnswer(store: LocalStore, asked: Set<string>): LocalStore {
  const through = (name: string, part: object): object =>
    new Proxy(part, {
      get: (target, key) => {
        const member: unknown = Reflect.get(target, key, target);
        if (typeof member !== "function" || MADE_ONCE.has(String(key))) return member;
        return async (...args: readonly unknown[]) => {
          asked.add(`${name}.${String(key)}`);
          // Together, so that calls nobody waits for keep their order.
          const answers = [Reflect.apply(member, target, args), Reflect.apply(member, target, args)];
          return (await Promise.all(answers))[1] as unknown;
        };
      },
    });
  return new Proxy(store, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === "object" && member !== null ? through(String(name), member) : member;
    },
  });
}

/** A run's log without its times, numbers and observations, and with the names of the run left out. */
function stepsOf(rows: readonly LogRow[]): readonly string[] {
  return rows.filter(({ sequence }) => sequence !== null).map(({ type, value }) => `${type} ${value}`);
}

test("a run goes its way although the answer of each call of the store is lost once", async () => {
  const asked = new Set<string>();
  const ends = [];
  for (const isLossy of [false, true]) {
    const inner = openMemoryStore({ world: createMemoryWorld() });
    await inner.memories.upsert("global", [session(1), session(2)]);
    const store = isLossy ? losingEachAnswer(inner, asked) : inner;
    const { engine } = (await phase2World()).open(undefined, { store });
    const { status } = await (await engine.start()).result;
    const steps = stepsOf(await inner.runs.log({ after: 0, limit: 999 }));
    const generations = await inner.generations.list("global", 9);
    const { fence, status: jobStatus, last_error } = (await inner.jobs.read("global")) ?? {};
    const job = { fence, jobStatus, last_error };
    ends.push({ status, steps, generations: generations.length, job, runs: await inner.runs.tally({}) });
  }
  const [plain, lossy] = ends;
  expect(lossy).toEqual(plain);
  expect(lossy).toMatchObject({ status: "succeeded", generations: 1, job: { fence: 1, jobStatus: "done" } });
  for (const call of [
    "jobs.claim",
    "jobs.succeed",
    "runs.commit",
    "generations.commit",
    "memories.recordInputs",
  ])
    expect(asked).toContain(call);
});

test("a run goes on although another process holds the database for a while at each of its steps", async () => {
  const { home, open } = await phase2World();
  const path = join(home, "slowwave.db");
  const store = await openSqliteStore({ path });
  await store.memories.upsert("global", [session(1)]);
  const other = new Database(path);
  const { engine } = open(undefined, { store });
  let held = 0;
  engine.events$.subscribe((event) => {
    if (event.type !== "state.entered" || other.inTransaction) return;
    other.exec("begin immediate");
    held += 1;
    setTimeout(() => other.exec("commit"), 40);
  });
  const { status } = await (await engine.start()).result;
  expect(status).toBe("succeeded");
  expect(held).toBeGreaterThan(5);
  await expect.poll(() => other.inTransaction).toBe(false);
  other.close();
  await engine.close();
  await store.close();
});
