import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { acpAgent } from "../../src/agents/acp-agent.ts";
import type { AgentEvent } from "../../src/domain/agent.ts";
import { sandboxNamed } from "../../src/sandbox/bubblewrap.ts";
import {
  agentContract,
  agentPlace,
  allOf,
  bearersOf,
  expectNoneLeft,
  firstFinal,
} from "../../src/testing/agents.ts";
import { realClock } from "./real-clock.ts";
import { heardByAcp, scriptedAcp } from "./scripted-acp.ts";
import { expectStillBetweenTurns } from "./still-between-turns.ts";
import { completed } from "./turns.ts";

expectNoneLeft();

const room = await sandboxNamed("bubblewrap").probe("open");
const hasSandbox = !("missing" in room);
if (!hasSandbox) console.error(`\nNOT RUN in bubblewrap: ${room.missing}\n`);

const sandboxes = hasSandbox ? (["none", "bubblewrap"] as const) : (["none"] as const);

for (const sandbox of sandboxes) {
  agentContract(`the acp agent (sandbox ${sandbox})`, () => ({
    good: scriptedAcp("good", { sandbox }),
    endless: scriptedAcp("endless", { sandbox }),
    failing: scriptedAcp("failing", { sandbox }),
    unstartable: acpAgent({ command: ["/nowhere/agent"], sandbox }),
  }));
}

test("a turn as the agent tells it, from the first status to the last", async () => {
  const { spec } = agentPlace();
  const handle = await scriptedAcp("good").spawn(spec, realClock);
  await firstFinal(handle.events$);
  await handle.close();
  expect(await allOf(handle)).toEqual([
    { type: "agent.starting" },
    { type: "agent.running" },
    usage({ turns: 1, inputTokens: null, outputTokens: null }),
    { type: "agent.thought", text: "thinking" },
    { type: "agent.tool", name: "edit", text: "MEMORY.md" },
    usage({ turns: 1, inputTokens: 700, outputTokens: null, costUsd: 0.25 }),
    { type: "agent.message", text: "turn 1 done" },
    usage({ turns: 1, inputTokens: 1_200, outputTokens: 50, costUsd: 0.25 }),
    { type: "agent.completed", message: "turn 1 done" },
  ]);
  expect(handle).toMatchObject({ threadId: "session-1", sandbox: "none" });
});

test("what the agent is asked: no files and no terminals of ours, one session, the workspace, model and effort", async () => {
  const { spec } = agentPlace();
  const handle = await scriptedAcp("good").spawn({ ...spec, model: "Large", effort: "high" }, realClock);
  await firstFinal(handle.events$);
  await handle.close();
  expect(heardByAcp(spec).map(({ method, params }) => ({ method, params }))).toEqual([
    {
      method: "initialize",
      params: {
        protocolVersion: 1,
        clientCapabilities: { fs: { readTextFile: false, writeTextFile: false }, terminal: false },
        clientInfo: { name: "slowwave", title: "Slowwave", version: "1" },
      },
    },
    { method: "session/new", params: { cwd: spec.workspace, mcpServers: [] } },
    {
      method: "session/set_config_option",
      params: { sessionId: "session-1", configId: "model", value: "large" },
    },
    {
      method: "session/set_config_option",
      params: { sessionId: "session-1", configId: "thinking", value: "high" },
    },
    {
      method: "session/prompt",
      params: { sessionId: "session-1", prompt: [{ type: "text", text: "consolidate" }] },
    },
  ]);
});

test("the older way of naming models is understood; a model that is not offered is refused with those that are", async () => {
  const { spec } = agentPlace();
  const old = await scriptedAcp("names its models the old way").spawn({ ...spec, model: "small" }, realClock);
  await firstFinal(old.events$);
  await old.close();
  expect(heardByAcp(spec)[2]).toMatchObject({
    method: "session/set_model",
    params: { sessionId: "session-1", modelId: "small" },
  });
  const refusals = [
    ["good", 'The agent has no model "huge"; it offers small, large'],
    ["names its models the old way", 'The agent has no model "huge"; it offers small'],
    [
      "knows no models",
      'The agent can\'t be told which model to take; leave "huge" away and set it in its own settings',
    ],
  ] as const;
  for (const [behaviour, message] of refusals) {
    await expect(
      scriptedAcp(behaviour).spawn({ ...agentPlace().spec, model: "huge" }, realClock),
    ).rejects.toMatchObject({ code: "agent_not_started", cause: { message } });
  }
});

test("a repair is a further prompt in the same session, and use goes on counting", async () => {
  const { spec } = agentPlace();
  const handle = await scriptedAcp("good").spawn(spec, realClock);
  await firstFinal(handle.events$);
  await handle.prompt("mend the index");
  await completed(handle, 2);
  await handle.close();
  const prompts = heardByAcp(spec).filter(({ method }) => method === "session/prompt");
  expect(prompts.map(({ params }) => params)).toMatchObject([
    { sessionId: "session-1", prompt: [{ text: "consolidate" }] },
    { sessionId: "session-1", prompt: [{ text: "mend the index" }] },
  ]);
  const told = await allOf(handle);
  expect(told.filter(({ type }) => type === "agent.usage").at(-1)).toEqual(
    usage({ turns: 2, inputTokens: 2_400, outputTokens: 100, costUsd: 0.5 }),
  );
  expect(told.at(-1)).toEqual({ type: "agent.completed", message: "turn 2 done" });
});

describe("how a turn ends is told by its stop reason", () => {
  test.each<[string, AgentEvent]>([
    ["completes without writing", { type: "agent.completed", message: null }],
    ["stops at max_tokens", { type: "agent.completed", message: "turn 2 done" }],
    [
      "always stops at max_turn_requests",
      errored(
        "The agent stopped again and again at a limit of its own (max_turn_requests) before the task was done",
      ),
    ],
    ["gives up when it is refused", { type: "agent.completed", message: "turn 2 done" }],
    ["speaks in two messages", { type: "agent.completed", message: "second" }],
    ["refuses the task", errored("The agent refused the task")],
    ["cancels itself", errored("The agent cancelled its turn by itself")],
    [
      "asks once and gives up",
      errored("The agent cancelled its turn when it was refused: fetch https://example.com"),
    ],
    ["ends in a way of its own", errored('The agent ended its turn as "bored"')],
    ["hides that its model failed", errored("exceeded retry limit, last status: 429")],
    [
      "failing",
      errored('The agent refused "session/prompt": Internal error: the model answered 429 (APIError)'),
    ],
    ["says nothing of what went wrong", errored('The agent refused "session/prompt": {} (500)')],
    ["refuses session/prompt", errored('The agent refused "session/prompt": Authentication required (auth)')],
    [
      "garbles session/prompt",
      errored('The agent gave an answer to "session/prompt" that is not understood'),
    ],
  ])("%s", async (behaviour, ends) => {
    const { spec } = agentPlace();
    const handle = await scriptedAcp(behaviour).spawn(spec, realClock);
    expect(await firstFinal(handle.events$)).toEqual(ends);
    await handle.close();
  });

  test.each([
    ["stops at max_tokens", "You stopped before the task was done."],
    ["gives up when it is refused", "That is not allowed here, and nobody can be asked."],
  ])("one that %s is asked to go on, which is a turn", async (behaviour, said) => {
    const { spec } = agentPlace();
    const handle = await scriptedAcp(behaviour).spawn(spec, realClock);
    await firstFinal(handle.events$);
    await handle.close();
    const prompts = heardByAcp(spec).filter(({ method }) => method === "session/prompt");
    expect(prompts.map(({ params }) => params)).toMatchObject([
      { prompt: [{ text: "consolidate" }] },
      { prompt: [{ text: expect.stringContaining(said) }] },
    ]);
    expect((await allOf(handle)).filter(({ type }) => type === "agent.usage").at(-1)).toMatchObject({
      usage: { turns: 2 },
    });
  });
});

describe("what an agent asks for is granted if it stays in the workspace", () => {
  const inside = [
    "think",
    "edit MEMORY.md",
    "edit <cwd>/skills/new/SKILL.md",
    "move a b",
    "known",
    "search .",
  ];
  const confined = ["read /etc/passwd", "execute"];

  test.each([
    ["none", inside],
    ...(hasSandbox ? [["bubblewrap", [...inside, ...confined]] as const] : []),
  ] as const)("sandbox %s", async (sandbox, granted) => {
    const { spec } = agentPlace();
    const handle = await scriptedAcp("asks for every permission", { sandbox }).spawn(spec, realClock);
    expect(await firstFinal(handle.events$)).toEqual({ type: "agent.completed", message: null });
    await handle.close();
    const outcomes = heardByAcp(spec)
      .filter(({ method }) => method === undefined)
      .map(({ result }) => (result as { outcome: { outcome: string; optionId?: string } }).outcome);
    const names = [...ASKED, "known", "diff", "raw", "always", "never"];
    const answers = Object.fromEntries(
      names.map((name, at) => [name, outcomes[at]?.optionId ?? outcomes[at]?.outcome]),
    );
    const expected = names.map((name) => {
      if (name === "never") return [name, "cancelled"];
      return [name, granted.includes(name) ? "the-allow_once" : "the-reject_once"];
    });
    expect(answers).toEqual(Object.fromEntries(expected));
    const told = (await allOf(handle)).filter(({ type }) => type === "agent.tool");
    expect(told).toHaveLength(names.length - granted.length);
    expect(told[0]).toMatchObject({ text: expect.stringMatching(/^not allowed: /) });
  });

  test("files, terminals and questions of any other kind are refused, and it goes on without", async () => {
    const { spec } = agentPlace();
    const handle = await scriptedAcp("asks for files and terminals").spawn(spec, realClock);
    expect(await firstFinal(handle.events$)).toMatchObject({ type: "agent.completed" });
    await handle.close();
    const refusals = heardByAcp(spec).filter(({ method }) => method === undefined);
    expect(refusals).toHaveLength(6);
    for (const refusal of refusals) expect(refusal).toMatchObject({ error: { code: expect.any(Number) } });
  });
});

describe("use", () => {
  test.each([
    ["reports no use", { inputTokens: 3, outputTokens: 100, costUsd: null, estimated: true }],
    ["reports use in a quota", { inputTokens: 300, outputTokens: 30, costUsd: null, estimated: false }],
    ["reports absurd use", { inputTokens: 100, outputTokens: 0, costUsd: 2.5, estimated: true }],
  ])("%s", async (behaviour, counts) => {
    const { spec } = agentPlace();
    const handle = await scriptedAcp(behaviour).spawn(spec, realClock);
    await firstFinal(handle.events$);
    await handle.close();
    const told = (await allOf(handle)).filter(({ type }) => type === "agent.usage");
    expect(told.at(-1)).toEqual(usage({ turns: 1, ...counts }));
  });
});

test.each(sandboxes)("what it left running stands still between its turns (sandbox %s)", async (sandbox) => {
  await expectStillBetweenTurns(scriptedAcp("writes on after its turn", { sandbox }), scriptedAcp("good"));
});

test("close shuts its stdin, on which it exits without being killed", async () => {
  const { spec } = agentPlace();
  const handle = await scriptedAcp("endless", { closeMs: 60_000 }).spawn(spec, realClock);
  await handle.close();
  expect(bearersOf(spec.key)).toEqual([]);
  expect((await allOf(handle)).at(-1)).toEqual({ type: "agent.interrupted" });
});

test("a daemon is gone when the agent is closed", async () => {
  const { spec } = agentPlace();
  const handle = await scriptedAcp("forks a daemon").spawn(spec, realClock);
  await firstFinal(handle.events$);
  await handle.close();
  expect(existsSync(join(spec.workspace, "MEMORY.md"))).toBe(true);
  expect(bearersOf(spec.key)).toEqual([]);
});

/** As the scripted agent asks, in this order. */
const ASKED = [
  ...["think", "read /etc/passwd", "search .", "edit MEMORY.md", "edit <cwd>/skills/new/SKILL.md"],
  ...["edit", "edit .", "edit ../escaped", "edit /etc/hosts", "edit MEMORY.md /etc/hosts", "edit link/hosts"],
  ...["edit dangling", "edit twin", "delete link", "move a b", "execute", "fetch", "switch_mode"],
  ...["other MEMORY.md", "teleport"],
];

function usage(counts: object): AgentEvent {
  return { type: "agent.usage", usage: { costUsd: null, estimated: false, ...counts } } as AgentEvent;
}

function errored(message: string): AgentEvent {
  return { type: "agent.errored", message };
}
