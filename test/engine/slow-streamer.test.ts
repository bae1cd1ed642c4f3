import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import type { AgentHandle, AgentRunner } from "../../src/domain/agent.ts";
import { manualClock } from "../agents/manual-clock.ts";
import { scriptedAcp } from "../agents/scripted-acp.ts";
import { phase2World, session, treeOf } from "./phase2-world.ts";

test("an agent that says a word a minute is never silent, and ends by the time of the run", async () => {
  const { home, open, shared } = await phase2World();
  const clock = manualClock();
  const acp = scriptedAcp("streams a word a minute");
  let agent: AgentHandle | null = null;
  const runner: AgentRunner = {
    ...acp,
    spawn: async (...how) => {
      agent = await acp.spawn(...how);
      return agent;
    },
  };
  const limits = { maxRunMinutes: 10, maxSilenceMinutes: 1 };
  const { engine, store } = open(runner, { clock, ...limits });
  await store.memories.upsert("global", [session(1)]);
  const run = await engine.start();
  let [isEnding, isOver] = [false, false];
  run.events$.subscribe((event) => {
    isEnding ||= event.type === "state.entered" && event.state.startsWith("failing");
  });
  void run.result.finally(() => {
    isOver = true;
  });
  let words = 0;
  // The clock's minute passes when a word has come, however long the machine takes for it.
  while (!isOver) {
    await setImmediate();
    if ((agent as AgentHandle | null)?.lastActivityMs?.() !== clock.monotonicMs()) continue;
    words += 1;
    // In steps, so that the time for the agent's end does not pass with the minute in which its time is up.
    for (let step = 0; step < 6 && !isEnding; step += 1) await clock.advance(9_900);
  }
  const { status, reason } = await run.result;
  expect([status, reason?.cause]).toEqual([
    "failed_budget",
    "the run took longer than 10 minutes (maxRunMinutes)",
  ]);
  expect(words).toBeGreaterThanOrEqual(10);
  expect(shared.jobs.get("global")).toMatchObject({ status: "error", lease_until: null });
  expect(await treeOf(`${home}/staging`)).toEqual({});
});
