import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { codexAgent } from "../../src/agents/codex-agent.ts";
import type { AgentEvent, AgentHandle } from "../../src/domain/agent.ts";
import { readStat } from "../../src/process/process-record.ts";
import {
  agentContract,
  agentPlace,
  allOf,
  bearersOf,
  expectNoneLeft,
  firstFinal,
} from "../../src/testing/agents.ts";
import { realClock } from "./real-clock.ts";
import { heardBy, scriptedCodex } from "./scripted-codex.ts";
import { expectStillBetweenTurns } from "./still-between-turns.ts";
import { completed } from "./turns.ts";

expectNoneLeft();

agentContract("the codex agent", () => ({
  good: scriptedCodex("good"),
  endless: scriptedCodex("endless"),
  failing: scriptedCodex("failing"),
  unstartable: codexAgent({ command: ["/nowhere/codex"] }),
}));

test("a turn as Codex tells it, from the first status to the last", async () => {
  const { spec } = agentPlace();
  const handle = await scriptedCodex("good").spawn(spec, realClock);
  await firstFinal(handle.events$);
  await handle.close();
  expect(await allOf(handle)).toEqual([
    { type: "agent.starting" },
    { type: "agent.running" },
    usage({ turns: 1, inputTokens: null, outputTokens: null }),
    { type: "agent.tool", name: "shell", text: "cat > MEMORY.md" },
    { type: "agent.thought", text: "thinking" },
    { type: "agent.message", text: "turn 1 done" },
    usage({ turns: 1, inputTokens: 1_000, outputTokens: 50 }),
    { type: "agent.completed", message: "turn 1 done" },
  ]);
  expect(handle).toMatchObject({ threadId: "thread-1", sandbox: "codex" });
});

test("what Codex is asked: an ephemeral thread, its features off, one writable folder, no network", async () => {
  const { spec } = agentPlace();
  const given = { ...spec, model: "gpt-test", effort: "low" as const };
  const handle = await scriptedCodex("good").spawn(given, realClock);
  await firstFinal(handle.events$);
  await handle.close();
  const heard = heardBy(spec);
  expect(heard.map(({ method }) => method)).toEqual([
    "initialize",
    "initialized",
    "config/read",
    "thread/start",
    "turn/start",
    "thread/backgroundTerminals/clean",
  ]);
  expect(heard[3]?.params).toMatchObject({
    cwd: spec.workspace,
    sandbox: "workspace-write",
    approvalPolicy: "never",
    ephemeral: true,
    model: "gpt-test",
    config: {
      "features.memories": false,
      "memories.generate_memories": false,
      web_search: "disabled",
      mcp_servers: { "my.tools": { enabled: false } },
      notify: [],
      project_doc_max_bytes: 0,
      shell_environment_policy: { inherit: "core", set: { SLOWWAVE_RUN: spec.key } },
    },
  });
  expect(heard[4]?.params).toEqual({
    threadId: "thread-1",
    input: [{ type: "text", text: "consolidate", text_elements: [] }],
    cwd: spec.workspace,
    approvalPolicy: "never",
    effort: "low",
    sandboxPolicy: {
      type: "workspaceWrite",
      writableRoots: [spec.workspace],
      networkAccess: false,
      excludeTmpdirEnvVar: true,
      excludeSlashTmp: true,
    },
  });
});

test("a repair is a further turn of the same thread, and use goes on counting", async () => {
  const { spec } = agentPlace();
  const handle = await scriptedCodex("good").spawn(spec, realClock);
  await firstFinal(handle.events$);
  await handle.prompt("mend the index");
  await completed(handle, 2);
  await handle.close();
  const starts = heardBy(spec).filter(({ method }) => method === "turn/start");
  expect(starts.map(({ params }) => params)).toMatchObject([
    { threadId: "thread-1", input: [{ text: "consolidate" }] },
    { threadId: "thread-1", input: [{ text: "mend the index" }] },
  ]);
  const told = await allOf(handle);
  expect(told.filter(({ type }) => type === "agent.usage").at(-1)).toEqual(
    usage({ turns: 2, inputTokens: 2_000, outputTokens: 100 }),
  );
  expect(told.at(-1)).toEqual({ type: "agent.completed", message: "turn 2 done" });
});

test("a turn under way is told to finish; one that is over, or refused, is not told", async () => {
  const { spec } = agentPlace();
  const handle = await scriptedCodex("finishes when asked to").spawn(spec, realClock);
  await running(handle);
  await handle.steer?.("little is left");
  expect(await firstFinal(handle.events$)).toEqual({ type: "agent.completed", message: "turn 1 done" });
  await expect(handle.steer?.("again")).rejects.toThrow("no turn is under way");
  await handle.close();
  expect(heardBy(spec).filter(({ method }) => method === "turn/steer")).toMatchObject([
    {
      params: {
        threadId: "thread-1",
        expectedTurnId: "turn-1",
        input: [{ type: "text", text: "little is left", text_elements: [] }],
      },
    },
  ]);

  const { spec: other } = agentPlace();
  const deaf = await scriptedCodex("refuses turn/steer").spawn(other, realClock);
  await expect(deaf.steer?.("little is left")).rejects.toThrow();
  await deaf.close();
});

test("a failing turn names what Codex names: its message and the kind of the error", async () => {
  const { spec } = agentPlace();
  const handle = await scriptedCodex("failing").spawn(spec, realClock);
  const last = await firstFinal(handle.events$);
  await handle.close();
  expect(last).toEqual({
    type: "agent.errored",
    message: "exceeded retry limit, last status: 429 (responseTooManyFailedAttempts 429)",
  });
});

test("every request of Codex is refused, and it goes on without", async () => {
  const { spec } = agentPlace();
  const handle = await scriptedCodex("asks for every permission").spawn(spec, realClock);
  const last = await firstFinal(handle.events$);
  await handle.close();
  expect(last).toEqual({ type: "agent.completed", message: "turn 1 done" });
  const refusal = { error: { code: -32601, message: expect.any(String) } };
  expect(heardBy(spec).filter(({ method }) => method === undefined)).toEqual([
    { id: "ask-1", ...refusal },
    { id: "ask-2", ...refusal },
    { id: "ask-3", ...refusal },
  ]);
});

test("use that is not reported is estimated from what was said, and marked so", async () => {
  const { spec } = agentPlace();
  const handle = await scriptedCodex("reports no use").spawn(spec, realClock);
  await firstFinal(handle.events$);
  await handle.close();
  const told = (await allOf(handle)).filter(({ type }) => type === "agent.usage");
  expect(told.at(-1)).toEqual({
    ...usage({ turns: 1, inputTokens: 3, outputTokens: 100 }),
    usage: { turns: 1, inputTokens: 3, outputTokens: 100, costUsd: null, estimated: true },
  });
});

test("close shuts its stdin, on which it exits without being killed", async () => {
  const { spec } = agentPlace();
  const handle = await scriptedCodex("ignores SIGTERM", { graceMs: 60_000 }).spawn(spec, realClock);
  await running(handle);
  await handle.close();
  expect(bearersOf(spec.key)).toEqual([]);
  expect((await allOf(handle)).at(-1)).toEqual({ type: "agent.interrupted" });
});

test("Codex is given the keys it needs, a temporary folder of the run, and nothing else of ours", async () => {
  const { spec } = agentPlace();
  process.env.SLOWWAVE_TEST_SECRET = "secret";
  process.env.SLOWWAVE_TEST_KEY = "mine";
  const source =
    'require("node:fs").writeFileSync("../env.json", JSON.stringify([process.env, process.argv.slice(1)]))';
  const runner = codexAgent({
    command: [process.execPath, "-e", source, "--"],
    environment: ["SLOWWAVE_TEST_KEY"],
  });
  await expect(runner.spawn(spec, realClock)).rejects.toMatchObject({ code: "agent_not_started" });
  delete process.env.SLOWWAVE_TEST_SECRET;
  delete process.env.SLOWWAVE_TEST_KEY;
  const [env, args] = JSON.parse(readFileSync(join(spec.runFolder, "env.json"), "utf8"));
  expect(env).toMatchObject({ SLOWWAVE_TEST_KEY: "mine", TMPDIR: join(spec.runFolder, "tmp") });
  expect(env).not.toHaveProperty("SLOWWAVE_TEST_SECRET");
  expect(args).toEqual(["app-server", "-c", "features.memories=false"]);
});

test("the probe tells version and sandbox, and what is missing as a sentence", async () => {
  expect(await scriptedCodex("good").probe?.()).toEqual({ sandbox: "codex", version: "0.169.0" });
  expect(await scriptedCodex("leaky-sandbox").probe?.()).toEqual({
    missing: expect.stringMatching(/^The sandbox of Codex 0\.169\.0 does not hold here/),
  });
  expect(await codexAgent({ command: ["/nowhere/codex"] }).probe?.()).toEqual({
    missing: expect.stringMatching(
      /^There is no program ".*" here; name one on PATH, or its absolute path\.$/,
    ),
  });
});

test("what it left running stands still between its turns, and Codex itself does not", async () => {
  await expectStillBetweenTurns(scriptedCodex("writes on after its turn"), scriptedCodex("good"), (spec) => {
    const isStopped = bearersOf(spec.key).map((pid) => readStat(pid)?.state === "T");
    expect(isStopped.sort()).toEqual([false, true]);
  });
});

test("a daemon is gone when the agent is closed", async () => {
  const { spec } = agentPlace();
  const handle = await scriptedCodex("forks a daemon").spawn(spec, realClock);
  await firstFinal(handle.events$);
  await handle.close();
  expect(existsSync(join(spec.workspace, "MEMORY.md"))).toBe(true);
  expect(bearersOf(spec.key)).toEqual([]);
});

function usage(counts: object): AgentEvent {
  return { type: "agent.usage", usage: { costUsd: null, estimated: false, ...counts } } as AgentEvent;
}

function running(handle: AgentHandle): Promise<void> {
  return new Promise((resolve) =>
    handle.events$.subscribe((event) => event.type === "agent.running" && resolve()),
  );
}
