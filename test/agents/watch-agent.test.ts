import { expect, test } from "vitest";
import { createActor, setup as setupMachine } from "xstate";
import type { AgentLimits, AgentRunner, AgentUsage } from "../../src/domain/agent.ts";
import { SlowwaveError } from "../../src/domain/failure.ts";
import type { Phase2Event, WatchInput } from "../../src/domain/phase2.ts";
import { createAgentRegistry } from "../../src/services/agents/agent-registry.ts";
import { functionAgent } from "../../src/services/agents/function-agent.ts";
import { watchAgent } from "../../src/services/watch-agent.ts";
import { manualClock } from "./manual-clock.ts";
import { place } from "./place.ts";
import { carelessHandle, scriptedHandle, scriptedRunner } from "./scripted-handle.ts";

const MINUTE = 60_000;
const NO_LIMITS: AgentLimits = { maxSilenceMinutes: null, maxTurns: null, maxTokens: null, maxCostUsd: null };
const USAGE: AgentUsage = {
  turns: 1,
  inputTokens: null,
  outputTokens: null,
  costUsd: null,
  estimated: false,
};

test("nothing told before the watch began is missed", () => {
  const { agent, watch } = setup();
  agent.tell({ type: "agent.starting" });
  agent.tell({ type: "agent.running" });
  agent.tell({ type: "agent.completed", message: "done" });
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
  agent.tell(event);
  expect(seen.news).toEqual([news]);
});

test("a stream that ends without a final status ends the watch", () => {
  const { agent, watch } = setup();
  const seen = watch();
  agent.tell({ type: "agent.running" });
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
  expect([seen.news, orphansAsked]).toEqual([[], [places.scratch]]);
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
  agent.tell({ type: "agent.running" });
  await clock.advance(9 * MINUTE);
  agent.tell({ type: "agent.thought", text: "hm" });
  await clock.advance(10 * MINUTE - 1);
  expect(seen.news).toEqual([{ type: "agent.running" }]);
  await clock.advance(1);
  expect(seen.news).toEqual([
    { type: "agent.running" },
    { type: "budget.reached", why: "the agent said nothing for 10 minutes" },
  ]);
});

test("after the end of the turn, and after the watch is stopped, no timer is left", async () => {
  const { agent, watch, clock } = setup({ maxSilenceMinutes: 10 });
  watch();
  agent.tell({ type: "agent.completed", message: null });
  expect(clock.pending()).toBe(0);
  const other = setup({ maxSilenceMinutes: 10 });
  other.watch().stop();
  expect(other.clock.pending()).toBe(0);
});

test.each([
  [{ maxTurns: 2 }, { turns: 3 }, "the agent took 3 turns, 2 are allowed"],
  [
    { maxTokens: 1_000 },
    { inputTokens: 900, outputTokens: 334 },
    "the agent used 1,234 tokens, 1,000 are allowed",
  ],
  [
    { maxTokens: 1_000 },
    { outputTokens: 12_345, estimated: true },
    "the agent used about 12,345 tokens, 1,000 are allowed",
  ],
  [{ maxCostUsd: 1 }, { costUsd: 1.239 }, "the agent cost $1.24, $1.00 is allowed"],
] as const)("past %j with %j: %s", (limit, use, why) => {
  const { agent, watch } = setup(limit);
  const seen = watch();
  agent.tell({ type: "agent.usage", usage: { ...USAGE, ...use } });
  agent.tell({ type: "agent.completed", message: null });
  expect(seen.news).toEqual([{ type: "budget.reached", why }]);
});

test("exactly what is allowed is allowed", () => {
  const { agent, watch } = setup({ maxTurns: 2, maxTokens: 10, maxCostUsd: 0.5 });
  const seen = watch();
  agent.tell({
    type: "agent.usage",
    usage: { ...USAGE, turns: 2, inputTokens: 4, outputTokens: 6, costUsd: 0.5 },
  });
  expect(seen.news).toEqual([]);
});

test("a repair turn is asked for and told by itself, not by the turns before it", async () => {
  const { agent, watch } = setup();
  agent.tell({ type: "agent.running" });
  agent.tell({ type: "agent.completed", message: "first" });
  const seen = watch(1);
  expect(seen.news).toEqual([]);
  await settled();
  expect(agent.asked).toEqual(["prompt: mend turn 1"]);
  agent.tell({ type: "agent.running" });
  agent.tell({ type: "agent.completed", message: "second" });
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
  agent.tell({ type: "agent.completed", message: null });
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
  const { spec } = place();
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
  limits: Partial<AgentLimits> = {},
  held: Parameters<ReturnType<typeof createAgentRegistry>["add"]>[1] | null | undefined = undefined,
  scripted: Partial<AgentRunner> = {},
) {
  const { places } = place();
  const agent = scriptedHandle();
  const registry = createAgentRegistry();
  const clock = manualClock();
  const handle = held === undefined ? agent.handle : held;
  if (handle !== null) registry.add("r1", handle);
  const { runner, orphansAsked } = scriptedRunner(scripted);
  const logic = watchAgent({
    places,
    runner,
    registry,
    clock,
    limits: { ...NO_LIMITS, ...limits },
    repairPrompt: async ({ repair }) => `mend turn ${repair}`,
  });
  const watch = (repair = 0) => {
    const id = handle?.id ?? "r1/agent/0";
    return heard(logic, { run: "r1", space: "global", agent: id, repair });
  };
  return { agent, watch, clock, orphansAsked, places };
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

async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}
