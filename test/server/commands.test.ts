import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { AgentFunction } from "../../src/agents/function-agent.ts";
import type { Engine } from "../../src/engine/engine-api.ts";
import { phase2Machine } from "../../src/machines/phase2.ts";
import { diligent, phase2World, session } from "../engine/phase2-world.ts";
import { eventually, fleetWorld, heldAgents } from "../worker/world.ts";
import { appOver, asking } from "./server-world.ts";

/** An agent that works until it is told to stop. */
const tireless: AgentFunction = ({ signal }) =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("stopped"))));

const inState = (engine: Engine, run: string, state: string) =>
  new Promise<void>((resolve) => {
    const look = () => {
      if (engine.runs.get().context.runs.get(run)?.state !== state) return;
      resolve();
    };
    engine.runs.subscribe(look);
    look();
  });

const post = { method: "POST", body: "{}", headers: { "content-type": "application/json" } };

describe("starting and cancelling", () => {
  test("a post starts a run, and another one cancels it", async () => {
    const { open } = await phase2World();
    const { store, engine } = open(tireless);
    await store.memories.upsert("global", [session(1)]);
    const ask = asking(appOver(store, { engine }));
    const started = await ask("/api/runs", { ...post, body: JSON.stringify({ space: "global", now: true }) });
    const { run, adopted } = (await started.json()) as { run: string; adopted: boolean };
    expect([started.status, adopted]).toEqual([201, false]);
    await inState(engine, run, "supervising");
    const shown = await (await ask(`/api/runs/${run}`)).json();
    expect(shown).toMatchObject({
      run: { state: "active", value: "supervising", line: "the agent is at work" },
      lease: { leaseSeconds: 3600, heartbeatSeconds: 90, leaseUntilMs: expect.any(Number) },
      result: null,
      can: { cancel: { ok: true }, retry: { ok: false, why: "It is not over; cancel it first." } },
    });
    const cancelled = await ask(`/api/runs/${run}/cancel`, post);
    expect(await cancelled.json()).toEqual({ outcome: "cancelled" });
    expect(await (await ask(`/api/runs/${run}`)).json()).toMatchObject({
      run: { outcome: "cancelled", line: "cancelled" },
      can: { retry: { ok: true } },
    });
    expect(await (await ask(`/api/runs/${run}/cancel`, post)).json()).toEqual({ outcome: "over" });
    expect((await ask("/api/runs/nobody/cancel", post)).status).toBe(404);
  });

  test("a post is refused while all places of the worker are taken, and begins a run when one is free", async () => {
    const { worker, clock } = await fleetWorld("a", "b");
    const { agent, working, finish } = heldAgents();
    const { worker: one, engine, store } = worker(agent, { concurrency: 1 });
    await one.start();
    await clock.advance(0);
    await eventually(working).toEqual(["a"]);
    const ask = asking(appOver(store, { engine: { ...engine, start: (request = {}) => one.run(request) } }));
    const body = JSON.stringify({ space: "b", now: true });
    const refused = await ask("/api/runs", { ...post, body });
    expect([refused.status, await refused.json()]).toEqual([
      409,
      {
        error: {
          code: "no_place",
          message:
            "All 1 places of this worker are taken. If the space is due, it begins by itself when its turn comes.",
        },
      },
    ]);
    expect((await store.runs.list({ space: "b", limit: 9 })).length).toBe(0);
    finish("a");
    await eventually(() => one.status().running).toBe(0);
    expect((await ask("/api/runs", { ...post, body })).status).toBe(201);
    await eventually(working).toEqual(["b"]);
    finish("b");
  });

  test("an app without an engine starts nothing, and leaves a note for the process that runs it", async () => {
    const { open } = await phase2World();
    const { store, engine } = open(tireless);
    await store.memories.upsert("global", [session(1)]);
    const run = await engine.start();
    await inState(engine, run.id, "supervising");
    const ask = asking(appOver(store));
    const start = await ask("/api/runs", post);
    expect([start.status, await start.json()]).toMatchObject([409, { error: { code: "looks_only" } }]);
    expect(await (await ask(`/api/runs/${run.id}/cancel`, post)).json()).toEqual({ outcome: "requested" });
    expect((await run.result).status).toBe("cancelled");
  });
});

describe("generations", () => {
  test("are listed with what each changed, and compared with whole texts", async () => {
    const { open } = await phase2World();
    const { store, engine } = open(diligent);
    const generations: string[] = [];
    for (const n of [1, 2]) {
      await store.memories.upsert("global", [session(n)]);
      generations.unshift((await (await engine.start()).result).generation ?? "");
    }
    const [second, first] = generations;
    const ask = asking(appOver(store));
    const summary = (n: number) => `rollout_summaries/2026-03-22T20-40-0${n}-000${n}.md`;
    const listed = await (await ask("/api/generations?space=global")).json();
    expect(listed).toMatchObject({
      generations: [
        {
          id: second,
          parent: first,
          kind: "published",
          current: true,
          changes: { added: [summary(2)], modified: ["MEMORY.md", "raw_memories.md"], deleted: [] },
        },
        {
          id: first,
          parent: null,
          current: false,
          changes: {
            added: ["MEMORY.md", "memory_summary.md", "raw_memories.md", summary(1)],
            modified: [],
            deleted: [],
          },
        },
      ],
    });
    const diff = (await (await ask(`/api/diff?to=${second}`)).json()) as {
      files: { path: string; before: string }[];
    };
    expect(diff).toMatchObject({ from: first, to: second });
    expect(diff.files.map(({ path }) => path)).toEqual(["MEMORY.md", "raw_memories.md", summary(2)]);
    expect(diff.files[0]?.before).toContain("# Task Group: shop");
    const whole = (await (await ask(`/api/diff?from=&to=${second}`)).json()) as {
      files: { change: string }[];
    };
    expect(new Set(whole.files.map(({ change }) => change))).toEqual(new Set(["added"]));
    expect((await ask("/api/diff?to=nothing")).status).toBe(404);
    expect((await ask(`/api/diff?from=nothing&to=${second}`)).status).toBe(404);
  });
});

describe("the machine", () => {
  test("is told by its definition, with every state and its hash", async () => {
    const { open } = await phase2World();
    const machine = (await (await asking(appOver(open().store))("/api/machine")).json()) as {
      definition: { states: object };
    };
    expect(machine).toMatchObject({
      id: "phase2",
      version: "1",
      hash: expect.stringMatching(/^[0-9a-f]{16}$/),
    });
    expect(Object.keys(machine.definition.states)).toEqual(Object.keys(phase2Machine.states));
  });

  test("has the coverage the path tests wrote, or says that they have not run", async () => {
    const { open } = await phase2World();
    const folder = await mkdtemp(join(tmpdir(), "slowwave-coverage-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const coverage = join(folder, "paths.json");
    const ask = asking(appOver(open().store, { coverage }));
    expect(await (await ask("/api/coverage")).json()).toMatchObject({ error: { code: "coverage_missing" } });
    const written = { machine: "phase2", hash: "abc", transitions: [], paths: ["a path"] };
    await writeFile(coverage, JSON.stringify(written));
    expect(await (await ask("/api/coverage")).json()).toEqual(written);
  });
});
