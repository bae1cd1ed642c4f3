import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { extractiveAgent } from "../../src/agents/extractive-agent.ts";
import {
  agentContract,
  agentPlace,
  expectNoneLeft,
  firstFinal,
  writeInput,
} from "../../src/testing/agents.ts";
import { here } from "../sandbox/here.ts";
import { realClock } from "./real-clock.ts";
import { scriptedAgent } from "./scripted-agent.ts";

expectNoneLeft();

agentContract("the extractive agent", () => ({
  good: extractiveAgent(),
  endless: scriptedAgent(`tell({ type: "running" }); setInterval(() => {}, 1000);`),
  failing: extractiveAgent(),
  unstartable: extractiveAgent({ node: "/nowhere/node" }),
}));

test("the extractive agent writes both files, confined by Node's permission model and, where there is one, a room", async () => {
  const { spec } = agentPlace();
  writeInput(spec);
  const runner = extractiveAgent();
  expect(await runner.probe?.()).toEqual({
    ...(here
      ? { sandbox: "bubblewrap+node-permission", network: "none" }
      : { sandbox: "node-permission", network: expect.any(String) }),
  });
  const handle = await runner.spawn(spec, realClock);
  expect(await firstFinal(handle.events$)).toEqual({
    type: "agent.completed",
    message: "consolidated 1 session into 1 project group",
  });
  expect(readFileSync(join(spec.workspace, "memory_summary.md"), "utf8")).toMatch(/^v1\n/);
  expect(readFileSync(join(spec.workspace, "MEMORY.md"), "utf8")).toMatch(/^# Task Group: /);
  await handle.close();
});

test("when it is over, no handle of it keeps this process alive", async () => {
  const { spec } = agentPlace();
  writeInput(spec);
  await aFewTurns();
  const before = openHandles();
  const handle = await extractiveAgent().spawn(spec, realClock);
  await firstFinal(handle.events$);
  await handle.close();
  await aFewTurns();
  expect(openHandles()).toEqual(before);
});

function openHandles(): readonly string[] {
  return process
    .getActiveResourcesInfo()
    .filter((kind) => /Pipe|Process/.test(kind))
    .sort();
}

/** Closing a handle takes some turns of the event loop. */
async function aFewTurns(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
