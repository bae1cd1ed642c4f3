import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Observable, ReplaySubject } from "rxjs";
import { expect, test } from "vitest";
import { createActor, toPromise } from "xstate";
import { createAgentRegistry } from "../../src/agents/agent-registry.ts";
import type { AgentConfig, AgentRunner } from "../../src/domain/agent.ts";
import { NO_FENCE } from "../../src/domain/job.ts";
import type { SpawnAnswer } from "../../src/domain/phase2.ts";
import { nodeFiles } from "../../src/files/node-files.ts";
import { type SpawnDeps, spawnAgent } from "../../src/services/spawn-agent.ts";
import { agentPlace } from "../../src/testing/agents.ts";
import { recordedHolder } from "./lease-holder.ts";
import { manualClock } from "./manual-clock.ts";
import { scriptedHandle, scriptedRunner } from "./scripted-handle.ts";

const config: AgentConfig = {
  agent: "scripted",
  model: null,
  effort: "medium",
  approvals: "never",
  sandbox: "workspace-write",
  network: "none",
};
const limits = { maxSilenceMinutes: 10, maxTurns: 40, maxTokens: null, maxCostUsd: null };

test("an agent is started with its key, places, prompt and limits, and is found by its id", async () => {
  const { deps, spawn, specs, places } = setup();
  expect(await spawn(2)).toEqual({
    kind: "spawned",
    id: "r1/agent/2",
    threadId: "thread",
    sandbox: "bubblewrap",
  });
  const { workspace, runFolder } = places;
  const task = "consolidate attempt 2";
  expect(specs).toEqual([
    { ...config, run: "r1", key: "r1/agent/2", workspace, runFolder, prompt: task, limits },
  ]);
  expect(deps.registry.find("r1/agent/2")).toMatchObject({ id: "r1/agent/2" });
});

test("an attempt that was begun before is ended and stale, as often as it is asked; the next one starts", async () => {
  const { spawn, specs, orphansAsked, places, deps } = setup();
  await spawn(0);
  // The engine died: another process has an empty registry.
  deps.registry.remove("r1/agent/0");
  expect(await spawn(0)).toEqual({ kind: "stale" });
  expect(await spawn(0)).toEqual({ kind: "stale" });
  expect(specs).toHaveLength(1);
  expect(await spawn(1)).toMatchObject({ kind: "spawned", id: "r1/agent/1" });
  expect(orphansAsked).toEqual([places.runFolder, places.runFolder, places.runFolder, places.runFolder]);
});

test("an orphan that no attempt accounts for makes this attempt stale, not the next", async () => {
  const { spawn, specs } = setup({ endOrphan: async () => true });
  expect(await spawn(0)).toEqual({ kind: "stale" });
  expect(await spawn(1)).toMatchObject({ kind: "spawned" });
  expect(specs).toHaveLength(1);
});

test("an orphan that can't be ended prevents the start", async () => {
  const { spawn, specs } = setup({ endOrphan: () => Promise.reject(new Error("pid 7 stays")) });
  await expect(spawn(0)).rejects.toThrow("pid 7 stays");
  expect(specs).toEqual([]);
});

test("a start that is cancelled while it is under way closes the agent, and nobody holds it", async () => {
  const late = scriptedHandle();
  const { deps, actor } = setup({
    async spawn() {
      spawning.stop();
      return late.handle;
    },
  });
  const spawning = actor(0);
  spawning.start();
  await deps.registry.started("r1");
  expect(late.asked).toEqual(["close"]);
  expect(deps.registry.ofRun("r1")).toEqual([]);
});

test("a start that is cancelled before it began starts nothing", async () => {
  const { deps, actor, specs } = setup();
  const spawning = actor(0);
  spawning.start();
  spawning.stop();
  await deps.registry.started("r1");
  expect(specs).toEqual([]);
});

test("a stream that can't be subscribed closes the agent and has its own code", async () => {
  const broken = scriptedHandle();
  const events$ = new Observable<never>(() => {
    throw new Error("no stream");
  });
  const { spawn, deps } = setup({ spawn: async () => ({ ...broken.handle, events$ }) });
  await expect(spawn(0)).rejects.toMatchObject({
    code: "failed_subscribe_status",
    cause: new Error("no stream"),
  });
  expect(broken.asked).toEqual(["close"]);
  expect(deps.registry.ofRun("r1")).toEqual([]);
});

test("a runner that rejects is told as it is", async () => {
  const { spawn } = setup({ spawn: () => Promise.reject(new Error("no such command")) });
  await expect(spawn(0)).rejects.toThrow("no such command");
});

test("what the agent says is noted from its first word, without control characters; statuses are not", async () => {
  const agent = scriptedHandle();
  agent.emit({ type: "agent.starting" });
  agent.emit({ type: "agent.message", text: "\u001b[31mred\u001b[0m \u202eevil" });
  const { spawn, holder } = setup({ spawn: async () => agent.handle });
  await spawn(0);
  agent.emit({ type: "agent.running" });
  agent.emit({ type: "agent.tool", name: "shell", text: "ls" });
  agent.emit({ type: "agent.thought", text: "x".repeat(5_000) });
  agent.emit({
    type: "agent.usage",
    usage: { turns: 1, inputTokens: 5, outputTokens: 6, costUsd: null, estimated: false },
  });
  agent.emit({ type: "agent.completed", message: "done" });
  expect(holder.notes).toEqual([
    { type: "agent.message", data: { text: "\ufffd[31mred\ufffd[0m \ufffdevil" } },
    { type: "agent.tool", data: { name: "shell", text: "ls" } },
    { type: "agent.thought", data: { text: `${"x".repeat(1_999)}…` } },
    {
      type: "agent.usage",
      data: { usage: { turns: 1, inputTokens: 5, outputTokens: 6, costUsd: null, estimated: false } },
    },
    { type: "agent.message", data: { text: "done" } },
    {
      type: "budget.used",
      data: {
        used: {
          turns: 1,
          toolCalls: 1,
          outputBytes: 5_031,
          inputTokens: 5,
          outputTokens: 6,
          costUsd: null,
          estimated: false,
        },
      },
    },
  ]);
});

test("of an endless talker the beginning and the end are kept, its last usage and its closing message", async () => {
  const agent = scriptedHandle();
  const { spawn, holder } = setup({ spawn: async () => agent.handle });
  await spawn(0);
  const usage = { turns: 1, inputTokens: 0, outputTokens: 0, costUsd: null, estimated: false };
  for (let at = 1; at <= 5_000; at += 1) {
    agent.emit({ type: "agent.thought", text: "hm" });
    agent.emit({ type: "agent.usage", usage: { ...usage, outputTokens: at } });
  }
  agent.emit({ type: "agent.completed", message: "done" });
  expect(holder.notes).toHaveLength(1_000 + 1 + 1 + 100 + 2);
  expect(holder.notes.slice(999, 1_003)).toEqual([
    { type: "agent.usage", data: { usage: { ...usage, outputTokens: 500 } } },
    { type: "agent.usage", data: { usage: { ...usage, outputTokens: 5_000 } } },
    { type: "agent.message", data: { text: "(4,400 lines are not kept here)" } },
    { type: "agent.thought", data: { text: "hm" } },
  ]);
  expect(holder.notes.slice(-2)).toEqual([
    { type: "agent.message", data: { text: "done" } },
    { type: "budget.used", data: { used: expect.objectContaining({ outputTokens: 5_000 }) } },
  ]);
});

test("a log that can't take notes does not disturb the agent", async () => {
  const events$ = new ReplaySubject<never>();
  const { handle } = scriptedHandle();
  const { spawn } = setup(
    { spawn: async () => ({ ...handle, events$ }) },
    {
      ...recordedHolder(),
      recordEvent: () => {
        throw new Error("full");
      },
    },
  );
  events$.next({ type: "agent.message", text: "hello" } as never);
  expect(await spawn(0)).toMatchObject({ kind: "spawned" });
});

test("a further agent of the run counts on from what the earlier ones used and said", async () => {
  const agent = scriptedHandle("r1/agent/1");
  const { spawn, deps, holder } = setup({ spawn: async () => agent.handle });
  const used = {
    turns: 2,
    toolCalls: 7,
    outputBytes: 100,
    inputTokens: 50,
    outputTokens: 5,
    costUsd: 0.5,
    estimated: true,
  };
  const earlier = async () => ({ used, transcriptBudget: { notes: 999, length: 10 } });
  const next = { ...deps, earlier };
  const spawning = createActor(spawnAgent(next), {
    input: { run: "r1", space: "global", config, attempt: 1 },
  });
  const answer = toPromise(spawning);
  spawning.start();
  await answer;
  agent.emit({ type: "agent.running" });
  agent.emit({ type: "agent.tool", name: "ls", text: "" });
  agent.emit({ type: "agent.thought", text: "hm" });
  expect(holder.notes).toEqual([{ type: "agent.tool", data: { name: "ls", text: "" } }]);
  expect(deps.registry.meterOf("r1/agent/1")?.used()).toEqual({
    turns: 3,
    toolCalls: 8,
    outputBytes: 104,
    inputTokens: 50 + Math.ceil("consolidate attempt 1".length / 4),
    outputTokens: 6,
    costUsd: 0.5,
    estimated: true,
  });
  expect(await spawn(1)).toEqual({ kind: "stale" });
});

test("a run that was taken over and owns nothing any more starts no agent, and lets itself be stopped", async () => {
  const lease = { space: "global", token: "t", fence: NO_FENCE };
  const { actor, specs, deps, orphansAsked } = setup({}, { ...recordedHolder(), lease: () => lease });
  const spawning = actor(0);
  spawning.start();
  const started = deps.registry.started("r1");
  for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  // A start begins with a look for what earlier ones left.
  expect([specs, orphansAsked]).toEqual([[], []]);
  spawning.stop();
  await started;
  expect([specs, orphansAsked]).toEqual([[], []]);
});

function setup(scripted: Partial<AgentRunner> = {}, holder: SpawnDeps["holder"] = recordedHolder()) {
  const { places } = agentPlace();
  writeFileSync(join(places.workspace, "raw_memories.md"), "");
  const { runner, specs, orphansAsked } = scriptedRunner(scripted);
  const deps: SpawnDeps = {
    holder,
    places,
    runner,
    registry: createAgentRegistry(),
    clock: manualClock(),
    files: nodeFiles(),
    limits,
    prompt: async ({ attempt }) => `consolidate attempt ${attempt}`,
  };
  const actor = (attempt: number) =>
    createActor(spawnAgent(deps), { input: { run: "r1", space: "global", config, attempt } });
  const spawn = async (attempt: number): Promise<SpawnAnswer> => {
    const spawning = actor(attempt);
    const answer = toPromise(spawning);
    spawning.start();
    return answer;
  };
  return {
    deps,
    actor,
    spawn,
    specs,
    orphansAsked,
    places,
    holder: holder as ReturnType<typeof recordedHolder>,
  };
}
