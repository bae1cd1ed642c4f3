import { rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { functionAgent } from "../../src/agents/function-agent.ts";
import type { Store } from "../../src/domain/ports.ts";
import { createPhase2Steps, type DurableStep } from "../../src/engine/phase2-steps.ts";
import { openMemoryStore } from "../../src/persistence/memory/index.ts";
import { diligent, phase2World, session, treeOf } from "./phase2-world.ts";

/** What an engine keeps of a workflow: the answers of its steps, as text, in order. */
type Record = [name: string, answer: string][];

/**
 * Steps that are recorded, and replayed from the record; what is beyond `until` steps is never answered, as the process
 * dies: before the work, or after it.
 */
function recorded(
  record: Record,
  until = Number.POSITIVE_INFINITY,
  dies = "before",
  died = () => {},
): DurableStep {
  let at = 0;
  return async (name, work) => {
    const known = record[at];
    at += 1;
    if (known !== undefined) {
      expect(name).toBe(known[0]);
      return JSON.parse(known[1]);
    }
    if (at > until) {
      if (dies === "after") await work();
      died();
      return new Promise(() => {});
    }
    const answer = await work();
    record.push([name, JSON.stringify(answer)]);
    return answer;
  };
}

async function seeded() {
  const world = await phase2World();
  const store = openMemoryStore({ world: world.shared });
  await store.memories.upsert("global", [session(1)]);
  const open = ({ store: from = store, home = world.home }: { store?: Store; home?: string } = {}) =>
    createPhase2Steps({ store: from, agent: functionAgent(diligent), home });
  return { ...world, store, open };
}

const STEPS = [
  "input",
  "1 claimJob",
  "2 configureAgent",
  "3 loadMemories",
  "4 syncSummaries",
  "5 syncRawMemories",
  "6 spawnAgent",
  "7 watchAgent",
  "8 verifyArtifacts",
  "9 confirmOwnership",
  "10 publishMemory",
  "11 closeAgent",
  "12 recordSuccess",
];

test("a run of phase 2 is a row of steps in another engine, each the answer of one actor", async () => {
  const { open, store, root } = await seeded();
  const record: Record = [];
  const phase2 = await open();
  const { status, generation } = await phase2.run({ space: "global" }, recorded(record));
  await phase2.close();
  expect({ status, steps: record.map(([name]) => name) }).toEqual({ status: "succeeded", steps: STEPS });
  expect((await store.generations.current("global"))?.generation.id).toBe(generation);
  expect(Object.keys((await treeOf(root)) ?? {})).toContain("MEMORY.md");
  expect(await store.jobs.read("global")).toMatchObject({ status: "done", lease_until: null });
});

describe.each(["before", "after"] as const)("a crash %s the work of a step", (dies) => {
  test.each(STEPS.slice(1).map((name, at) => [name, at + 1] as const))(
    "%s leaves the run to another process, which goes on under a fence of its own",
    async (_, done) => {
      const { open, store } = await seeded();
      const record: Record = [];
      const first = await open();
      const end = new Promise<void>((resolve) => {
        void first.run({ space: "global" }, recorded(record, done, dies, resolve));
      });
      await end;
      // As a kill does: the agent goes with the process.
      await first.close();
      const second = await open();
      const { status } = await second.run({ space: "global" }, recorded(record));
      await second.close();
      expect({ steps: record.length >= STEPS.length, status }).toEqual({ steps: true, status: "succeeded" });
      expect(await store.generations.list("global", 9)).toHaveLength(1);
      expect(await store.jobs.read("global")).toMatchObject({ status: "done", lease_until: null });
    },
  );
});

/** From the first step whose work lies in the workspace on, until the generation is committed. */
const LOSES = {
  before: STEPS.slice(STEPS.indexOf("5 syncRawMemories"), STEPS.indexOf("11 closeAgent")),
  after: STEPS.slice(STEPS.indexOf("5 syncRawMemories"), STEPS.indexOf("10 publishMemory")),
};

describe.each(["before", "after"] as const)(
  "a machine that is lost with its disk %s the work of a step",
  (dies) => {
    test.each(STEPS.slice(1).map((name, at) => [name, at + 1] as const))(
      "%s costs no retry: its run is finished elsewhere, or its space is due again at once",
      async (name, done) => {
        const { open, store, home } = await seeded();
        const record: Record = [];
        const first = await open({ home: join(home, "machine-a") });
        await new Promise<void>((resolve) => {
          void first.run({ space: "global" }, recorded(record, done, dies, resolve));
        });
        await first.close();
        await rm(join(home, "machine-a"), { recursive: true, force: true });
        const second = await open({ home: join(home, "machine-b") });
        const { status, cause } = await second.run({ space: "global" }, recorded(record));
        const isLost = LOSES[dies].includes(name);
        expect([status, cause]).toEqual(
          isLost
            ? ["machine_lost", "the workspace of the run was on a machine that is gone"]
            : ["succeeded", null],
        );
        const row = await store.jobs.read("global");
        expect(row).toMatchObject({ retry_remaining: 3, retry_at: null, lease_until: null });
        expect([row?.status, row?.last_error]).toEqual(isLost ? ["pending", "machine_lost"] : ["done", null]);
        const again = isLost ? await second.run({ space: "global" }, recorded([])) : null;
        await second.close();
        expect(again?.status ?? "succeeded").toBe("succeeded");
        expect(await store.generations.list("global", 9)).toHaveLength(1);
        expect(Object.keys((await treeOf(join(home, "machine-b", "memories"))) ?? {})).toContain("MEMORY.md");
      },
    );
  },
);

test("a run whose job another one has taken meanwhile publishes nothing and says whose it is", async () => {
  const { open, store } = await seeded();
  const record: Record = [];
  const first = await open();
  await new Promise<void>((resolve) => {
    void first.run({ space: "global" }, recorded(record, 9, "before", resolve));
  });
  const row = await store.jobs.read("global");
  const nowMs = Date.now() + 3_600_000 * 2;
  await store.jobs.claim({
    space: "global",
    worker: "other",
    token: "other",
    leaseSeconds: 3_600,
    successCooldownSeconds: 0,
    force: true,
    retries: 3,
    nowMs,
  });
  const second = await open();
  const { status } = await second.run({ space: "global" }, recorded(record));
  await Promise.all([first.close(), second.close()]);
  expect({ status, before: row?.status }).toEqual({ status: "failed_lost_ownership", before: "running" });
  expect(await store.generations.list("global", 9)).toEqual([]);
  expect(await store.jobs.read("global")).toMatchObject({ status: "running", ownership_token: "other" });
});
