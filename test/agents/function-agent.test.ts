import { expect, test } from "vitest";
import { type AgentReport, type AgentTask, functionAgent } from "../../src/agents/function-agent.ts";
import type { AgentUsage } from "../../src/domain/agent.ts";
import { agentContract, agentPlace, allOf, firstFinal } from "../../src/testing/agents.ts";
import { manualClock } from "./manual-clock.ts";

agentContract("the function agent", () => ({
  good: functionAgent(async () => "done"),
  endless: functionAgent(
    ({ signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
  ),
  failing: functionAgent(async () => {
    throw new Error("no model\nto\u001b[2Jday");
  }),
  unstartable: null,
}));

const USAGE: AgentUsage = {
  turns: 1,
  inputTokens: null,
  outputTokens: null,
  costUsd: null,
  estimated: false,
};

test("a function gets its task; what it reports and returns becomes events", async () => {
  const { spec } = agentPlace();
  let task: Partial<AgentTask> = {};
  const runner = functionAgent(
    async ({ report, signal, finish, ...rest }) => {
      task = rest;
      report("reading");
      report({ type: "agent.tool", name: "read", text: "raw_memories.md" });
      report({ type: "agent.usage", usage: { ...USAGE, inputTokens: 12, outputTokens: -3 } });
      return `aborted: ${signal.aborted}, finishing: ${finish.aborted}`;
    },
    { name: "mine" },
  );
  expect(runner).toMatchObject({ name: "mine", network: "open" });
  const handle = await runner.spawn({ ...spec, model: "m-1" }, manualClock());
  await firstFinal(handle.events$);
  await handle.close();
  expect(await allOf(handle)).toEqual([
    { type: "agent.starting" },
    { type: "agent.running" },
    { type: "agent.usage", usage: USAGE },
    { type: "agent.message", text: "reading" },
    { type: "agent.tool", name: "read", text: "raw_memories.md" },
    { type: "agent.usage", usage: { ...USAGE, inputTokens: 12 } },
    { type: "agent.completed", message: "aborted: false, finishing: false" },
  ]);
  expect(task).toEqual({ workspace: spec.workspace, prompt: "consolidate", model: "m-1", turn: 1 });
});

test.each([
  [
    "throws at once",
    () => {
      throw new Error("broken");
    },
    "broken",
  ],
  ["rejects with nothing", () => Promise.reject(), "the agent function failed without a word"],
  [
    "throws a text",
    () => {
      throw "no quota";
    },
    "no quota",
  ],
  [
    "reports what is no event",
    ({ report }: AgentTask) => report({ type: "agent.completed", message: "me" } as unknown as AgentReport),
    "report() takes a text, or a message, thought, tool or usage event.",
  ],
])("a function that %s ends as errored", async (_, fn, message) => {
  const { spec } = agentPlace();
  const handle = await functionAgent(fn as (task: AgentTask) => unknown).spawn(spec, manualClock());
  expect(await firstFinal(handle.events$)).toEqual({ type: "agent.errored", message });
  await handle.close();
});

test("a function is asked to finish by a signal of its own, with the reason, and goes on", async () => {
  const { spec } = agentPlace();
  const reasons: unknown[] = [];
  const runner = functionAgent(async ({ finish, signal, turn }) => {
    if (!finish.aborted) await new Promise((resolve) => finish.addEventListener("abort", resolve));
    reasons.push([turn, (finish.reason as Error).message, signal.aborted]);
  });
  const handle = await runner.spawn(spec, manualClock());
  const first = firstFinal(handle.events$);
  await settled();
  await handle.steer?.("little is left");
  await handle.steer?.("still less is left");
  expect(await first).toMatchObject({ type: "agent.completed" });
  await handle.prompt("mend");
  await settled();
  expect(reasons).toEqual([
    [1, "little is left", false],
    [2, "little is left", false],
  ]);
  await handle.close();
});

test("what a function reports after its end is not heard, not even in its next turn", async () => {
  const { spec } = agentPlace();
  const reports: AgentTask["report"][] = [];
  const { promise: mended, resolve: mend } = Promise.withResolvers<void>();
  const runner = functionAgent(async ({ report, turn }) => {
    reports.push(report);
    if (turn === 2) await mended;
    return `turn ${turn}`;
  });
  const handle = await runner.spawn(spec, manualClock());
  await firstFinal(handle.events$);
  reports[0]?.("late");
  await handle.prompt("mend");
  reports[0]?.("late, while the second turn is open");
  mend();
  await settled();
  await handle.close();
  const events = await allOf(handle);
  expect(events.filter(({ type }) => type === "agent.message")).toEqual([]);
  expect(events.filter(({ type }) => type === "agent.completed")).toEqual([
    { type: "agent.completed", message: "turn 1" },
    { type: "agent.completed", message: "turn 2" },
  ]);
  expect(events.findLast((event) => event.type === "agent.usage")).toMatchObject({ usage: { turns: 2 } });
});

test("a function that completes in spite of its signal was interrupted all the same", async () => {
  const { spec } = agentPlace();
  const runner = functionAgent(
    ({ signal }) => new Promise((resolve) => signal.addEventListener("abort", () => resolve("done"))),
  );
  const handle = await runner.spawn(spec, manualClock());
  await settled();
  await handle.interrupt();
  expect(await firstFinal(handle.events$)).toEqual({ type: "agent.interrupted" });
  await handle.close();
});

test("a function that never settles: interrupt is bounded, close says that it can't be ended", async () => {
  const { spec } = agentPlace();
  const clock = manualClock();
  const handle = await functionAgent(() => new Promise(() => {}), { graceMs: 5_000 }).spawn(spec, clock);
  await settled();
  const interrupted = handle.interrupt();
  await clock.advance(5_000);
  await interrupted;
  expect(await firstFinal(handle.events$)).toEqual({ type: "agent.interrupted" });
  const closed = expect(handle.close()).rejects.toMatchObject({
    code: "agent_unkillable",
    message: expect.stringContaining("within 5 s"),
  });
  await clock.advance(5_000);
  await closed;
  expect((await allOf(handle)).map(({ type }) => type)).toContain("agent.interrupted");
});

test("a talkative function fills no memory: statuses are all replayed, of the rest the latest", async () => {
  const { spec } = agentPlace();
  const runner = functionAgent(({ report }) => {
    for (let at = 0; at < 10_000; at += 1) report(`line ${at}`);
  });
  const handle = await runner.spawn(spec, manualClock());
  await firstFinal(handle.events$);
  await handle.close();
  const events = await allOf(handle);
  expect(events.length).toBeLessThan(500);
  expect(events.slice(0, 2)).toEqual([{ type: "agent.starting" }, { type: "agent.running" }]);
  expect(events.slice(-2)).toEqual([
    { type: "agent.message", text: "line 9999" },
    { type: "agent.completed", message: null },
  ]);
});

async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}
