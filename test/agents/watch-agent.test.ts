import { mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createActor, setup as setupMachine } from "xstate";
import { createAgentRegistry } from "../../src/agents/agent-registry.ts";
import { functionAgent } from "../../src/agents/function-agent.ts";
import type { AgentRunner, AgentUsage } from "../../src/domain/agent.ts";
import { SlowwaveError } from "../../src/domain/failure.ts";
import type { Phase2Event, WatchInput } from "../../src/domain/phase2.ts";
import type { RunLimits } from "../../src/domain/usage.ts";
import { nodeFiles } from "../../src/files/node-files.ts";
import { watchAgent } from "../../src/services/watch-agent.ts";
import { agentPlace } from "../../src/testing/agents.ts";
import { recordedHolder } from "./lease-holder.ts";
import { manualClock } from "./manual-clock.ts";
import { carelessHandle, scriptedHandle, scriptedRunner } from "./scripted-handle.ts";

const KIB = 1_024;
const MINUTE = 60_000;
const NO_LIMITS: RunLimits = {
  maxRunMinutes: null,
  maxSilenceMinutes: null,
  maxTurns: null,
  maxToolCalls: null,
  maxTokens: null,
  maxCostUsd: null,
  maxOutputBytes: null,
};
const USAGE: AgentUsage = {
  turns: 1,
  inputTokens: null,
  outputTokens: null,
  costUsd: null,
  estimated: false,
};

test("nothing told before the watch began is missed", () => {
  const { agent, watch } = setup();
  agent.emit({ type: "agent.starting" });
  agent.emit({ type: "agent.running" });
  agent.emit({ type: "agent.completed", message: "done" });
  agent.end();
  expect(watch().news).toEqual([{ type: "agent.running" }, { type: "agent.completed" }]);
});

test("running is told once per turn, chatter never, and the turn's end once, whatever a careless agent does", () => {
  const { handle, events$ } = carelessHandle();
  const { watch } = setup({}, handle);
  const seen = watch();
  events$.next({ type: "agent.running" });
  events$.next({ type: "agent.message", text: "hm" });
  events$.next({ type: "agent.running" });
  events$.next({ type: "agent.completed", message: null });
  events$.next({ type: "agent.completed", message: "again" });
  events$.next({ type: "agent.errored", message: "no" });
  expect(seen.news).toEqual([{ type: "agent.running" }, { type: "agent.completed" }]);
  events$.complete();
  expect(seen.status()).toBe("active");
});

test.each([
  [
    { type: "agent.errored", message: "no\u001b[2J quota" },
    { type: "agent.errored", why: "no\ufffd[2J quota" },
  ],
  [{ type: "agent.interrupted" }, { type: "agent.interrupted" }],
  [{ type: "agent.shutdown" }, { type: "agent.shutdown" }],
  [{ type: "agent.notFound" }, { type: "agent.notFound" }],
] as const)("%j is told as %j", (event, news) => {
  const { agent, watch } = setup();
  const seen = watch();
  agent.emit(event);
  expect(seen.news).toEqual([news]);
});

test("a stream that ends without a final status ends the watch", () => {
  const { agent, watch } = setup();
  const seen = watch();
  agent.emit({ type: "agent.running" });
  agent.end();
  expect(seen.status()).toBe("done");
  expect(seen.news).toEqual([{ type: "agent.running" }]);
});

test("a stream that breaks is an error of the watch", () => {
  const { handle, events$ } = carelessHandle();
  const seen = setup({}, handle).watch();
  events$.error(new Error("torn"));
  expect(seen.status()).toBe("error");
});

test("an agent nobody here holds: what it left is ended first, then it is gone, once", async () => {
  let ended = () => {};
  const ending = new Promise<boolean>((resolve) => {
    ended = () => resolve(true);
  });
  const { watch, orphansAsked, places } = setup({}, null, { endOrphan: () => ending });
  const seen = watch();
  await Promise.resolve();
  expect([seen.news, orphansAsked]).toEqual([[], [places.runFolder]]);
  ended();
  await settled();
  expect(seen.news).toEqual([{ type: "agent.gone" }]);
  expect(seen.status()).toBe("active");
});

test("an orphan that can't be ended is an error, never a new start beside it", async () => {
  const { watch } = setup({}, null, { endOrphan: () => Promise.reject(new Error("pid 7 stays")) });
  const seen = watch();
  await settled();
  expect([seen.news, seen.status()]).toEqual([[], "error"]);
});

test("silence reaches the budget after the minutes allowed since the last sign of any kind", async () => {
  const { agent, watch, clock } = setup({ maxSilenceMinutes: 10 });
  const seen = watch();
  agent.emit({ type: "agent.running" });
  await clock.advance(9 * MINUTE);
  agent.emit({ type: "agent.thought", text: "hm" });
  await clock.advance(10 * MINUTE - 1);
  expect(seen.news).toEqual([{ type: "agent.running" }]);
  await clock.advance(1);
  expect(seen.news).toEqual([
    { type: "agent.running" },
    {
      type: "budget.reached",
      why: "the agent said nothing for 10 minutes, no more is allowed (maxSilenceMinutes)",
    },
  ]);
});

test("after the end of the turn, and after the watch is stopped, no timer is left", async () => {
  const { agent, watch, clock } = setup({ maxSilenceMinutes: 10 });
  watch();
  agent.emit({ type: "agent.completed", message: null });
  expect(clock.pending()).toBe(0);
  const other = setup({ maxSilenceMinutes: 10 });
  other.watch().stop();
  expect(other.clock.pending()).toBe(0);
});

test.each([
  [{ maxTurns: 2 }, { turns: 3 }, "the agent took 3 turns, 2 are allowed (maxTurns)"],
  [
    { maxTokens: 1_000 },
    { inputTokens: 900, outputTokens: 334 },
    "the agent used 1,234 tokens, 1,000 are allowed (maxTokens)",
  ],
  [
    { maxTokens: 1_000 },
    { outputTokens: 12_345, estimated: true },
    "the agent used about 12,345 tokens, 1,000 are allowed (maxTokens)",
  ],
  [{ maxCostUsd: 1 }, { costUsd: 1.239 }, "the agent cost $1.24, $1.00 is allowed (maxCostUsd)"],
] as const)("past %j with %j: %s", (limit, use, why) => {
  const { agent, watch } = setup(limit);
  const seen = watch();
  agent.emit({ type: "agent.usage", usage: { ...USAGE, ...use } });
  agent.emit({ type: "agent.completed", message: null });
  expect(seen.news).toEqual([{ type: "budget.reached", why }]);
});

test("tool calls and everything it says are counted here, whatever it reports", () => {
  const calls = setup({ maxToolCalls: 2 });
  const seen = calls.watch();
  for (const text of ["a", "b"]) calls.agent.emit({ type: "agent.tool", name: "shell", text });
  // How a call ended is no further call.
  calls.agent.emit({ type: "agent.tool", name: "shell", text: "exit code 1: b", again: true });
  expect(seen.news).toEqual([]);
  calls.agent.emit({ type: "agent.tool", name: "shell", text: "c" });
  const why = "the agent made 3 tool calls, 2 are allowed (maxToolCalls)";
  expect(seen.news).toEqual([{ type: "budget.reached", why }]);

  const words = setup({ maxOutputBytes: 1_000 });
  const heardWords = words.watch();
  words.agent.emit({ type: "agent.message", text: "ä".repeat(300) });
  words.agent.emit({ type: "agent.thought", text: "x".repeat(400) });
  expect(heardWords.news).toEqual([]);
  words.agent.emit({ type: "agent.tool", name: "x", text: "" });
  expect(heardWords.news).toEqual([
    {
      type: "budget.reached",
      why: "the agent wrote 1,001 bytes of output, 1,000 are allowed (maxOutputBytes)",
    },
  ]);
});

test("an agent that fills its workspace is ended; what lay there before, and holes, don't count", async () => {
  const { agent, watch, clock, places } = setup({ maxOutputBytes: 100 * KIB });
  writeFileSync(join(places.workspace, "before"), "x".repeat(300 * KIB));
  const seen = watch();
  agent.emit({ type: "agent.running" });
  await timersSet(clock, 1);
  mkdirSync(join(places.workspace, "deep", "er"), { recursive: true });
  writeFileSync(join(places.workspace, "deep", "er", "fits"), "x".repeat(96 * KIB));
  writeFileSync(join(places.workspace, "hole"), "");
  truncateSync(join(places.workspace, "hole"), 10_000_000);
  await clock.advance(5_000);
  await timersSet(clock, 1);
  expect(seen.news).toEqual([{ type: "agent.running" }]);
  writeFileSync(join(places.workspace, "much"), "x".repeat(8 * KIB));
  await clock.advance(5_000);
  await until(() => seen.news.length === 2);
  expect(seen.news.at(-1)).toEqual({
    type: "budget.reached",
    why: "the agent added 106,496 bytes to its workspace, 102,400 are allowed (maxOutputBytes)",
  });
  expect(clock.pending()).toBe(0);
});

test("tokens nobody reports are estimated from the bytes that passed", () => {
  const { agent, watch } = setup({ maxTokens: 100 });
  const seen = watch();
  agent.emit({ type: "agent.usage", usage: USAGE });
  agent.emit({ type: "agent.message", text: "x".repeat(500) });
  expect(seen.news).toEqual([
    { type: "budget.reached", why: "the agent used about 125 tokens, 100 are allowed (maxTokens)" },
  ]);
});

test("an agent that is near a limit is asked to finish, once for each budget", async () => {
  const asked: string[] = [];
  const agent = scriptedHandle("r1/agent/0", async (text) => void asked.push(text));
  const { watch, holder } = setup({ maxTokens: 1_000, maxCostUsd: 1 }, agent.handle);
  const seen = watch();
  const emit = (use: Partial<AgentUsage>) =>
    agent.emit({ type: "agent.usage", usage: { ...USAGE, inputTokens: 1, outputTokens: 1, ...use } });
  emit({ inputTokens: 700 });
  expect(asked).toEqual([]);
  emit({ inputTokens: 800 });
  emit({ inputTokens: 900 });
  emit({ inputTokens: 900, costUsd: 0.85 });
  await settled();
  expect(asked).toEqual([
    expect.stringMatching(
      /^Little of this run's budget is left: 801 of 1,000 tokens are used \(maxTokens\)\. /,
    ),
    expect.stringContaining("$0.85 of $1.00 is used (maxCostUsd)"),
  ]);
  expect(holder.notes).toEqual([
    {
      type: "budget.near",
      data: {
        budget: {
          name: "tokens",
          used: 801,
          limit: 1_000,
          unit: "tokens",
          estimated: false,
          setting: "maxTokens",
        },
        asked: true,
        text: "801 of 1,000 tokens are used (maxTokens); the agent is asked to finish",
      },
    },
    { type: "budget.near", data: expect.objectContaining({ asked: true }) },
  ]);
  expect(seen.news).toEqual([]);
});

test("an agent that can't be asked in its turn is told with the next prompt; the log says so either way", async () => {
  const refusing = scriptedHandle("r1/agent/0", () => Promise.reject(new Error("not now")));
  for (const agent of [scriptedHandle(), refusing]) {
    const { watch, holder } = setup({ maxToolCalls: 5 }, agent.handle);
    const first = watch();
    for (const text of ["a", "b", "c", "d"]) agent.emit({ type: "agent.tool", name: "shell", text });
    await settled();
    expect(holder.notes).toEqual([
      {
        type: "budget.near",
        data: expect.objectContaining({
          asked: false,
          text: "4 of 5 tool calls are used (maxToolCalls); the agent can't be asked to finish in its turn",
        }),
      },
    ]);
    agent.emit({ type: "agent.completed", message: null });
    first.stop();
    watch(1);
    await settled();
    expect(agent.asked).toEqual([
      expect.stringMatching(/^prompt: mend turn 1\n\nLittle of this run's budget is left: 4 of 5 /),
    ]);
    expect(holder.notes).toHaveLength(1);
  }
});

test("time is looked at by itself, and not after the turn", async () => {
  const asked: string[] = [];
  const agent = scriptedHandle("r1/agent/0", async (text) => void asked.push(text));
  const limits = { maxRunMinutes: 10 };
  const { watch, clock, holder } = setup(limits, agent.handle, {}, 10);
  watch();
  await clock.advance(8 * MINUTE - 1);
  expect(asked).toEqual([]);
  await clock.advance(1);
  expect(asked).toEqual([expect.stringContaining("8 of 10 minutes are used (maxRunMinutes)")]);
  expect(holder.notes).toHaveLength(1);
  agent.emit({ type: "agent.completed", message: null });
  expect(clock.pending()).toBe(0);
  const over = setup(limits, null, {}, 10);
  over.watch();
  expect(over.clock.pending()).toBe(0);
});

test("an error's text is told without the secrets in it", () => {
  const { agent, watch } = setup();
  const seen = watch();
  agent.emit({ type: "agent.errored", message: `401: bad key sk-${"proj-"}aB3dE5fG7hJ9kL2maB3dE5fG` });
  expect(seen.news).toEqual([{ type: "agent.errored", why: "401: bad key [REDACTED_SECRET]" }]);
});

test("exactly what is allowed is allowed", () => {
  const { agent, watch } = setup({ maxTurns: 2, maxTokens: 10, maxCostUsd: 0.5 });
  const seen = watch();
  agent.emit({
    type: "agent.usage",
    usage: { ...USAGE, turns: 2, inputTokens: 4, outputTokens: 6, costUsd: 0.5 },
  });
  expect(seen.news).toEqual([]);
});

test("a repair turn is asked for and told by itself, not by the turns before it", async () => {
  const { agent, watch } = setup();
  agent.emit({ type: "agent.running" });
  agent.emit({ type: "agent.completed", message: "first" });
  const seen = watch(1);
  expect(seen.news).toEqual([]);
  await settled();
  expect(agent.asked).toEqual(["prompt: mend turn 1"]);
  agent.emit({ type: "agent.running" });
  agent.emit({ type: "agent.completed", message: "second" });
  expect(seen.news).toEqual([{ type: "agent.running" }, { type: "agent.completed" }]);
});

test("an agent that takes one turn can't be asked for a repair, and says so", async () => {
  const { handle } = scriptedHandle();
  const prompt = () => Promise.reject(new SlowwaveError("agent_single_turn", "It takes one turn."));
  const seen = setup({}, { ...handle, prompt }).watch(1);
  await settled();
  expect(seen.news).toEqual([
    { type: "agent.errored", why: "the repair could not be asked for: It takes one turn." },
  ]);
});

test("a repair of an agent whose stream is over already is told as the refusal, not as a broken stream", async () => {
  const agent = scriptedHandle();
  agent.emit({ type: "agent.completed", message: null });
  agent.end();
  const prompt = () => Promise.reject(new SlowwaveError("agent_closed", "It has been stopped."));
  const seen = setup({}, { ...agent.handle, prompt }).watch(1);
  await settled();
  expect(seen.news).toEqual([
    { type: "agent.errored", why: "the repair could not be asked for: It has been stopped." },
  ]);
});

test("a watch that is stopped while the repair is being written does not ask for it", async () => {
  const { agent, watch } = setup();
  watch(1).stop();
  await settled();
  expect(agent.asked).toEqual([]);
});

test("a function of the host is called again for a repair", async () => {
  const { spec } = agentPlace();
  const clock = manualClock();
  const prompts: string[] = [];
  const runner = functionAgent(({ prompt, turn }) => void prompts.push(`${turn}: ${prompt}`));
  const handle = await runner.spawn(spec, clock);
  await settled();
  const seen = setup({}, handle).watch(1);
  await settled();
  expect(prompts).toEqual(["1: consolidate", "2: mend turn 1"]);
  expect(seen.news).toEqual([{ type: "agent.running" }, { type: "agent.completed" }]);
  await handle.close();
});

function setup(
  limits: Partial<RunLimits> = {},
  held: Parameters<ReturnType<typeof createAgentRegistry>["add"]>[1] | null | undefined = undefined,
  scripted: Partial<AgentRunner> = {},
  minutes: number | null = null,
) {
  const { places } = agentPlace();
  const agent = scriptedHandle();
  const registry = createAgentRegistry();
  const clock = manualClock();
  const handle = held === undefined ? agent.handle : held;
  if (handle !== null) registry.add("r1", handle);
  const { runner, orphansAsked } = scriptedRunner(scripted);
  const holder = recordedHolder();
  const logic = watchAgent({
    holder,
    places,
    runner,
    registry,
    clock,
    files: nodeFiles(),
    limits: { ...NO_LIMITS, ...limits },
    deadlineAtMs: minutes === null ? null : clock.nowMs() + minutes * MINUTE,
    repairPrompt: async ({ repair }) => `mend turn ${repair}`,
  });
  const watch = (repair = 0) => {
    const id = handle?.id ?? "r1/agent/0";
    return heard(logic, { run: "r1", space: "global", agent: id, repair });
  };
  return { agent, watch, clock, holder, orphansAsked, places };
}

/** What a machine that invokes the watch hears of it. */
function heard(logic: ReturnType<typeof watchAgent>, input: WatchInput) {
  const news: Phase2Event[] = [];
  const ends: ("done" | "error")[] = [];
  const machine = setupMachine({ types: { events: {} as Phase2Event }, actors: { logic } }).createMachine({
    invoke: {
      id: "watchAgent",
      src: "logic",
      input,
      onDone: { actions: () => void ends.push("done") },
      onError: { actions: () => void ends.push("error") },
    },
    on: { "*": { actions: ({ event }) => void news.push(event) } },
  });
  const actor = createActor(machine).start();
  return { news, status: () => ends.at(-1) ?? "active", stop: () => void actor.stop() };
}

/** The file system takes its own time. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}

function timersSet(clock: { pending(): number }, count: number): Promise<void> {
  return until(() => clock.pending() === count);
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}
