import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { filter, firstValueFrom } from "rxjs";
import { describe, expect, test } from "vitest";
import { createActor, toPromise } from "xstate";
import { functionAgent } from "../../src/agents/function-agent.ts";
import { systemClock } from "../../src/durable/system.ts";
import { createPhase2Actor } from "../../src/engine/phase2-actor.ts";
import { nodeFiles } from "../../src/files/node-files.ts";
import { openMemoryStore } from "../../src/persistence/memory/index.ts";
import { diligent, phase2World, SUMMARY, session, treeOf } from "./phase2-world.ts";

const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

describe("a run from claim to success", () => {
  test("publishes what the agent wrote and settles the job with the newest input", async () => {
    const { root, shared, open } = await phase2World();
    const { store, engine } = open();
    await store.memories.upsert("global", [session(1), session(2)]);
    const run = await engine.start();
    const result = await run.result;
    expect(result).toEqual({
      run: run.id,
      space: "global",
      outcome: "succeeded",
      status: "succeeded",
      reason: null,
      inputs: 2,
      claimedWatermark: 1_774_212_002,
      completionWatermark: 1_774_212_002,
      generation: expect.stringContaining(run.id),
      files: {
        added: [
          "MEMORY.md",
          "memory_summary.md",
          "raw_memories.md",
          "rollout_summaries/2026-03-22T20-40-01-0001.md",
          "rollout_summaries/2026-03-22T20-40-02-0002.md",
        ],
        modified: [],
        deleted: [],
      },
      agent: {
        name: "function",
        threadId: null,
        status: "completed",
        sandbox: "none",
        network: "open",
        turns: 1,
        tokens: { input: null, output: null },
        costUsd: null,
        estimated: false,
      },
      budget: [
        ["minutes", expect.any(Number), 60, false],
        ["turns", 1, 40, false],
        ["toolCalls", 0, 2_000, false],
        ["tokens", expect.any(Number), null, true],
        ["cost", 0, null, false],
        ["outputBytes", 4, 16_777_216, false],
      ].map(([name, used, limit, estimated]) => expect.objectContaining({ name, used, limit, estimated })),
      findings: [],
      states: [
        "claiming",
        "configuring",
        "loading",
        "syncing.summaries",
        "syncing.rawMemories",
        "spawning",
        "supervising",
        "verifying",
        "publishing.confirming",
        "publishing.committing",
        "succeeding.closing",
        "succeeding.recording",
        "succeeded",
      ].map((state) => ({ state, enteredAt: expect.stringMatching(RFC3339), ms: expect.any(Number) })),
      startedAt: expect.stringMatching(RFC3339),
      finishedAt: expect.stringMatching(RFC3339),
    });
    expect((await treeOf(root))?.["memory_summary.md"]).toBe(SUMMARY);
    expect(shared.jobs.get("global")).toMatchObject({
      status: "done",
      last_success_watermark: 1_774_212_002,
      lease_until: null,
      last_error: null,
    });
  });

  test("leaves no staging and no agent behind", async () => {
    const { home, open } = await phase2World();
    const { store, engine } = open();
    await store.memories.upsert("global", [session(1)]);
    await (await engine.start()).result;
    expect(await readdir(join(home, "staging"))).toEqual([]);
  });

  test("the result is the same when another process reads it later", async () => {
    const { open } = await phase2World();
    const { store, engine } = open();
    await store.memories.upsert("global", [session(1)]);
    const run = await engine.start();
    const result = await run.result;
    expect(await open().engine.result(run.id)).toEqual(result);
    expect(await engine.result("nobody")).toBeNull();
  });

  test("tells states, progress and counted statuses after the writes they describe, and ends with the result", async () => {
    const { shared, open } = await phase2World();
    const { store, engine, told } = open();
    await store.memories.upsert("global", [session(1)]);
    const jobStatusWhenTold: unknown[] = [];
    engine.events$.pipe(filter(({ type }) => type === "status.counted")).subscribe(() => {
      jobStatusWhenTold.push(shared.jobs.get("global")?.status);
    });
    const run = await engine.start();
    const result = await run.result;
    const of = (type: string) => told.filter((event) => event.type === type);
    expect(told[0]).toMatchObject({ type: "run.started", adopted: false });
    expect(of("status.counted").map((event) => "status" in event && event.status)).toEqual([
      "claimed",
      "agent_spawned",
      "succeeded",
    ]);
    expect(jobStatusWhenTold).toEqual(["running", "running", "done"]);
    expect(of("progress").map((event) => "text" in event && event.text)).toEqual([
      "phase 2 running",
      "phase 2 complete",
    ]);
    expect(of("inputs.counted").map((event) => "inputs" in event && event.inputs)).toEqual([1]);
    expect(told.at(-1)).toMatchObject({ type: "run.finished", result });
  });

  test("the registry shows the run and its result", async () => {
    const { open } = await phase2World();
    const { store, engine } = open();
    await store.memories.upsert("global", [session(1)]);
    const run = await engine.start();
    const result = await run.result;
    expect(engine.runs.getSnapshot().context.runs.get(run.id)).toMatchObject({
      state: "succeeded",
      adopted: false,
      result,
    });
  });

  test("a subscriber that comes late hears the run from its beginning", async () => {
    const { open } = await phase2World();
    const { store, engine } = open();
    await store.memories.upsert("global", [session(1)]);
    const run = await engine.start();
    await run.result;
    expect(await firstValueFrom(run.events$)).toMatchObject({ type: "run.started" });
  });
});

describe("runs that need no agent", () => {
  test("nothing new: skipped, and the job row is not touched", async () => {
    const { shared, open } = await phase2World();
    const { store, engine } = open();
    await store.memories.upsert("global", [session(1)]);
    await (await engine.start()).result;
    const row = shared.jobs.get("global");
    const result = await (await engine.start()).result;
    expect([result.outcome, result.status, result.agent]).toEqual(["skipped", "skipped_not_dirty", null]);
    expect(shared.jobs.get("global")).toEqual(row);
  });

  test("dirty, but nothing changed since the last generation: succeeds without an agent", async () => {
    const { open } = await phase2World();
    const { store, engine } = open();
    await store.memories.upsert("global", [session(1)]);
    const first = await (await engine.start()).result;
    await store.jobs.enqueue("global", 1);
    const result = await (await engine.start()).result;
    expect([result.status, result.agent, result.generation]).toEqual([
      "succeeded_no_workspace_changes",
      null,
      null,
    ]);
    expect((await store.generations.current("global"))?.generation.id).toBe(first.generation);
  });

  test("no input clears the memory, as a generation that keeps what was there", async () => {
    const { root, open, shared } = await phase2World();
    const { store, engine } = open();
    await store.memories.upsert("global", [session(1)]);
    const first = await (await engine.start()).result;
    shared.outputs.clear();
    await store.jobs.enqueue("global", 1);
    const result = await (await engine.start()).result;
    expect([result.status, result.inputs, result.agent]).toEqual(["succeeded_no_input", 0, null]);
    expect(await treeOf(root)).toEqual({
      ".slowwave": expect.any(String),
      "raw_memories.md": "# Raw Memories\n\nNo raw memories yet.\n",
    });
    const kept = await store.generations.manifest(first.generation ?? "");
    expect(kept?.map(({ path }) => path)).toContain("MEMORY.md");
  });
});

describe("runs that fail keep the memory and say why", () => {
  test("an agent that throws: failed_agent with its cause, a retry time, one try less, the root untouched", async () => {
    const { root, shared, open } = await phase2World();
    const { store, engine } = open(async () => {
      throw new Error("the model said no");
    });
    await store.memories.upsert("global", [session(1)]);
    const result = await (await engine.start()).result;
    expect(result).toMatchObject({
      outcome: "failed",
      status: "failed_agent",
      reason: { code: "failed_agent", cause: "the model said no" },
      generation: null,
      completionWatermark: null,
      agent: { status: "errored" },
    });
    const row = shared.jobs.get("global");
    expect([row?.status, row?.last_error, row?.retry_remaining, row?.lease_until]).toEqual([
      "error",
      "failed_agent",
      2,
      null,
    ]);
    expect((row?.retry_at ?? 0) - (row?.finished_at ?? 0)).toBe(3600);
    expect(await treeOf(root)).toBeNull();
  });

  test("the run after a failure waits, and runs at once with `now`", async () => {
    const { open } = await phase2World();
    const { store, engine } = open(async () => {
      throw new Error("no");
    });
    await store.memories.upsert("global", [session(1)]);
    await (await engine.start()).result;
    expect((await (await engine.start()).result).status).toBe("skipped_retry_unavailable");
    expect((await (await engine.start({ now: true })).result).status).toBe("failed_agent");
  });

  test("an agent that writes nothing is refused, and what it left is kept for inspection", async () => {
    const { home, open } = await phase2World();
    const { store, engine } = open(async () => "I did it, honestly");
    await store.memories.upsert("global", [session(1)]);
    const run = await engine.start();
    const result = await run.result;
    expect([result.status, result.findings.length > 0]).toEqual(["failed_invalid_artifacts", true]);
    expect(await readdir(join(home, "rejected"))).toEqual([run.id]);
  });

  test("findings go back to the agent, which may mend them", async () => {
    const { open } = await phase2World();
    const asked: string[] = [];
    const { store, engine } = open(async (task) => {
      asked.push(task.prompt);
      await diligent(task);
      if (task.turn === 1) await writeFile(join(task.workspace, "memory_summary.md"), "no header\n");
    });
    await store.memories.upsert("global", [session(1)]);
    const result = await (await engine.start()).result;
    expect([result.status, result.agent?.turns, asked.length]).toEqual(["succeeded", 2, 2]);
    expect(asked[1]).toContain("memory_summary.md");
  });

  test("a run whose job was taken away ends at once, writes no row and publishes nothing", async () => {
    const { root, shared, open } = await phase2World();
    let stolen: unknown;
    const { store, engine } = open(async (task) => {
      const row = shared.jobs.get("global");
      if (row === undefined) throw new Error("no job");
      stolen = { ...row, ownership_token: "somebody-else", worker_id: "w2", fence: row.fence + 1 };
      shared.jobs.set("global", stolen as typeof row);
      await diligent(task);
    });
    await store.memories.upsert("global", [session(1)]);
    const result = await (await engine.start()).result;
    expect([result.outcome, result.status]).toEqual(["failed", "failed_lost_ownership"]);
    expect(shared.jobs.get("global")).toEqual(stolen);
    expect(await treeOf(root)).toBeNull();
  });

  test("a run that takes too long is ended with failed_budget", async () => {
    const { open } = await phase2World();
    const { store, engine } = open(
      ({ signal }) =>
        new Promise<void>((resolve) => {
          signal.addEventListener("abort", () => resolve());
        }),
      { maxRunMinutes: 0.002 },
    );
    await store.memories.upsert("global", [session(1)]);
    const result = await (await engine.start()).result;
    expect([result.status, result.reason?.cause]).toEqual([
      "failed_budget",
      "the run took longer than 0.002 minutes (maxRunMinutes)",
    ]);
  });
});

describe("cancelling", () => {
  test("ends the agent, releases the job and keeps the retries", async () => {
    const { root, shared, open } = await phase2World();
    let aborted = false;
    const { store, engine } = open(
      ({ signal }) =>
        new Promise<void>((resolve) => {
          signal.addEventListener("abort", () => {
            aborted = true;
            resolve();
          });
        }),
    );
    await store.memories.upsert("global", [session(1)]);
    const run = await engine.start();
    await firstValueFrom(
      run.events$.pipe(filter((event) => event.type === "state.entered" && event.state === "supervising")),
    );
    expect(await engine.cancel(run.id)).toBe("cancelled");
    const result = await run.result;
    expect([result.outcome, result.status, aborted]).toEqual(["cancelled", "cancelled", true]);
    const row = shared.jobs.get("global");
    expect([
      row?.status,
      row?.worker_id,
      row?.lease_until,
      row?.retry_at,
      row?.retry_remaining,
      row?.last_error,
    ]).toEqual(["pending", null, null, null, 3, "cancelled"]);
    expect(await treeOf(root)).toBeNull();
  });

  test("closing the engine cancels what lives", async () => {
    const { shared, open } = await phase2World();
    const { store, engine } = open(
      ({ signal }) =>
        new Promise<void>((resolve) => {
          signal.addEventListener("abort", () => resolve());
        }),
    );
    await store.memories.upsert("global", [session(1)]);
    const run = await engine.start();
    await engine.close();
    expect((await run.result).status).toBe("cancelled");
    expect(shared.jobs.get("global")?.status).toBe("pending");
  });
});

describe("one owner", () => {
  test("of eight engines that start at once, one works and seven are skipped", async () => {
    const { open, shared } = await phase2World();
    let agents = 0;
    const working = async (task: Parameters<typeof diligent>[0]) => {
      agents += 1;
      return diligent(task);
    };
    const engines = Array.from({ length: 8 }, () => open(working));
    await engines[0]?.store.memories.upsert("global", [session(1)]);
    const runs = await Promise.all(engines.map(({ engine }) => engine.start()));
    const statuses = (await Promise.all(runs.map((run) => run.result))).map(({ status }) => status).sort();
    // One that comes late may find the work done already.
    expect(statuses.filter((status) => status === "succeeded")).toHaveLength(1);
    expect(statuses.filter((status) => status.startsWith("skipped_"))).toHaveLength(7);
    expect([agents, shared.generations.length]).toEqual([1, 1]);
  });

  test("a memory root that is not ours is refused before the claim", async () => {
    const { root, shared, open } = await phase2World();
    const { store, engine } = open();
    await store.memories.upsert("global", [session(1)]);
    await writeFile(root, "a file\n");
    const row = shared.jobs.get("global");
    await expect(engine.start()).rejects.toMatchObject({ code: "root_not_a_folder" });
    expect(shared.jobs.get("global")).toEqual(row);
    await rm(root);
    expect((await (await engine.start()).result).status).toBe("succeeded");
  });

  test("settings out of range are refused with their name", async () => {
    const { open } = await phase2World();
    const { engine } = open();
    await expect(engine.start({ maxInputs: 0 })).rejects.toMatchObject({
      code: "invalid_settings",
      message: expect.stringContaining("maxInputs"),
    });
  });
});

describe("as a plain actor", () => {
  test("the same machine and services come to the same end, and every invocation is a run of its own", async () => {
    const { home, root } = await phase2World();
    const store = openMemoryStore();
    await store.memories.upsert("global", [session(1)]);
    const { logic, close } = await createPhase2Actor({ store, agent: functionAgent(diligent), home });
    const first = await toPromise(createActor(logic).start());
    await store.memories.upsert("global", [session(2)]);
    const second = await toPromise(createActor(logic).start());
    await close();
    expect([first.status, first.inputs, second.status, second.inputs]).toEqual([
      "succeeded",
      1,
      "succeeded",
      2,
    ]);
    expect(second.token).not.toBe(first.token);
    expect(Object.keys((await treeOf(root)) ?? {})).toContain("MEMORY.md");
  });

  test("its time begins when it is started, not when it is made", async () => {
    const { home } = await phase2World();
    const store = openMemoryStore();
    await store.memories.upsert("global", [session(1)]);
    let elapsedMs = 0;
    const clock = { ...systemClock, nowMs: () => systemClock.nowMs() + elapsedMs };
    const agent = functionAgent(diligent);
    const { logic, close } = await createPhase2Actor({ store, agent, home, clock, maxRunMinutes: 5 });
    elapsedMs = 10 * 60_000;
    expect((await toPromise(createActor(logic).start())).status).toBe("succeeded");
    await close();
  });

  test("a snapshot of it is not restored", async () => {
    const { home } = await phase2World();
    const options = { store: openMemoryStore(), agent: functionAgent(diligent), home };
    const { logic, close } = await createPhase2Actor(options);
    const actor = createActor(logic).start();
    const snapshot = actor.getPersistedSnapshot();
    await toPromise(actor);
    await close();
    const restored = createActor(logic, { snapshot: snapshot as never });
    expect(restored.getSnapshot()).toMatchObject({ status: "error", error: { code: "not_restorable" } });
  });
});

test.each(["the next start, though that run is skipped", "a recovery of all spaces"])(
  "a publish that broke off is brought to its end by %s",
  async (means) => {
    const { root, open, shared } = await phase2World();
    let isFull = true;
    const files = nodeFiles();
    const full = async (): Promise<never> => {
      throw Object.assign(new Error("no space left"), { code: "ENOSPC" });
    };
    const frail: typeof files = {
      ...files,
      open: async (path) => {
        const folder = await files.open(path);
        if (path !== root || !isFull) return folder;
        return new Proxy(folder, {
          get: (target, name) => {
            const value: unknown = Reflect.get(target, name);
            if (name === "rename") return full;
            return typeof value === "function" ? value.bind(target) : value;
          },
        });
      },
    };
    const { store, engine } = open(diligent, { files: frail });
    await store.memories.upsert("global", [session(1)]);
    const failed = await (await engine.start()).result;
    expect([failed.status, shared.journals.size]).toEqual(["failed_publish", 1]);
    isFull = false;
    if (means === "a recovery of all spaces") await engine.recover();
    else expect((await (await engine.start()).result).status).toBe("skipped_retry_unavailable");
    expect(shared.journals.size).toBe(0);
    expect((await treeOf(root))?.["memory_summary.md"]).toBe(SUMMARY);
  },
);

test("a run that is taken over is published where the process that goes on has its memory, and its first process changes nothing any more", async () => {
  const { home, root, open, shared } = await phase2World();
  const elsewhere = join(home, "elsewhere");
  let letGo: () => void = () => {};
  const stuck = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const first = open(() => stuck, { memoryRoot: () => elsewhere });
  await first.store.memories.upsert("global", [session(1)]);
  const run = await first.engine.start();
  await firstValueFrom(
    run.events$.pipe(filter((event) => event.type === "state.entered" && event.state === "supervising")),
  );
  // The first process is taken for dead, but it is not: its lock is gone, its agent goes on.
  shared.held.clear();
  const second = open();
  const [adopted] = await second.engine.recover();
  expect(second.engine.runs.getSnapshot().context.runs.get(run.id)).toMatchObject({
    adopted: true,
    state: "supervising",
  });
  const result = await adopted?.result;
  expect([adopted?.id, result?.status]).toEqual([run.id, "succeeded"]);
  const published = await treeOf(root);
  expect([published?.["memory_summary.md"], await treeOf(elsewhere)]).toEqual([SUMMARY, null]);
  const row = shared.jobs.get("global");
  letGo();
  await expect(run.result).rejects.toMatchObject({ code: "run_taken_over" });
  expect([await treeOf(root), await treeOf(elsewhere), shared.jobs.get("global")]).toEqual([
    published,
    null,
    row,
  ]);
});

/** A world in which a run's agent is at work and never ends, and what is stored of that run. */
async function supervisedWorld() {
  const { open, shared } = await phase2World();
  const first = open(() => new Promise<void>(() => {}));
  await first.store.memories.upsert("global", [session(1)]);
  const run = await first.engine.start();
  await firstValueFrom(
    run.events$.pipe(filter((event) => event.type === "state.entered" && event.state === "supervising")),
  );
  const record = shared.runs.get(run.id);
  if (record === undefined) throw new Error("no such run");
  return { open, shared, run, record };
}

test("a run of another version is parked and told; cancelling it releases its job", async () => {
  const { open, shared, run, record } = await supervisedWorld();
  shared.runs.set(run.id, { ...record, version: "0" });
  shared.held.clear();
  const held = shared.jobs.get("global");
  const second = open();
  expect(await second.engine.recover()).toEqual([]);
  expect(
    second.told.map((event) => ("text" in event ? event.text : "status" in event && event.status)),
  ).toEqual(["parked_unknown_version", "phase 2 parked (unknown version)"]);
  expect(shared.jobs.get("global")).toEqual(held);
  expect((await second.engine.result(run.id))?.status).toBe("parked_unknown_version");
  expect(await second.engine.cancel(run.id)).toBe("cancelled");
  const { status, lease_until, worker_id, last_error } = shared.jobs.get("global") ?? {};
  expect({ status, lease_until, worker_id, last_error }).toEqual({
    status: "pending",
    lease_until: null,
    worker_id: null,
    last_error: "cancelled",
  });
  expect(await second.engine.cancel(run.id)).toBe("over");
  expect((await (await second.engine.start()).result).status).toBe("succeeded");
});

test.each([
  ["is not JSON", "not JSON"],
  ["is nothing", "null"],
  ["has no context", '{"status":"active","value":"claiming"}'],
  [
    "has a context without what the run needs",
    '{"status":"active","value":"claiming","context":{"run":"r"}}',
  ],
  ["names a state that is not there", '{"status":"active","value":"nowhere","context":{}}'],
])(
  "a run whose kept state %s is parked with the reason, and cancelling it frees its space",
  async (_, damaged) => {
    const { open, shared, run, record } = await supervisedWorld();
    // The fence keeps the first engine from writing a good one over it.
    shared.runs.set(run.id, { ...record, snapshot: damaged, fence: record.fence + 1 });
    shared.held.clear();
    const second = open();
    expect(await second.engine.recover()).toEqual([]);
    expect(shared.runs.get(run.id)).toMatchObject({
      state: "parked",
      snapshot: damaged,
      parked: expect.stringContaining("its state cannot be read: "),
    });
    expect(await second.engine.result(run.id)).toMatchObject({
      run: run.id,
      status: "parked_unknown_version",
    });
    expect(await second.engine.cancel(run.id)).toBe("cancelled");
    expect(await second.engine.cancel(run.id)).toBe("over");
    expect((await (await second.engine.start()).result).status).toBe("succeeded");
  },
);
