import { expect, test } from "vitest";
import type { AgentHandle } from "../../src/domain/agent.ts";
import { agentPlace, allOf, expectNoneLeft, firstFinal } from "../../src/testing/agents.ts";
import { realClock } from "./real-clock.ts";
import { heardByAcp, scriptedAcp } from "./scripted-acp.ts";

expectNoneLeft();

test("a turn under way is stopped and asked to finish, in the same session and as the same turn", async () => {
  const { spec } = agentPlace();
  const handle = await scriptedAcp("finishes when asked to").spawn(spec, realClock);
  await running(handle);
  await handle.steer?.("little is left");
  expect(await firstFinal(handle.events$)).toEqual({ type: "agent.completed", message: "turn 2 done" });
  await expect(handle.steer?.("again")).rejects.toThrow("no turn is under way");
  await handle.close();
  expect(told(spec)).toEqual([
    ["session/prompt", "consolidate"],
    ["session/cancel", null],
    ["session/prompt", "little is left"],
  ]);
  const types = (await allOf(handle)).map(({ type }) => type);
  expect(types.filter((type) => type === "agent.running")).toHaveLength(1);
});

test("an agent that does not stop when asked is asked nothing else, and is left to its limits", async () => {
  const { spec } = agentPlace();
  const deaf = await scriptedAcp("hangs after cancel").spawn(spec, realClock);
  await running(deaf);
  await deaf.steer?.("little is left");
  await deaf.close();
  expect(told(spec).filter(([method]) => method === "session/prompt")).toEqual([
    ["session/prompt", "consolidate"],
  ]);
  expect((await allOf(deaf)).at(-1)).toEqual({ type: "agent.interrupted" });
});

test("an interrupt wins over a word to finish", async () => {
  const { spec } = agentPlace();
  const handle = await scriptedAcp("finishes when asked to").spawn(spec, realClock);
  await running(handle);
  await handle.steer?.("little is left");
  await handle.interrupt();
  await handle.close();
  expect((await allOf(handle)).filter(({ type }) => /completed|interrupted/.test(type))).toEqual([
    { type: "agent.interrupted" },
  ]);
});

function told(spec: Parameters<typeof heardByAcp>[0]): readonly (readonly [string, string | null])[] {
  return heardByAcp(spec).flatMap(({ method = "", params }) => {
    if (method !== "session/prompt" && method !== "session/cancel") return [];
    const { prompt } = params as { prompt?: readonly { text: string }[] };
    return [[method, prompt?.[0]?.text ?? null] as const];
  });
}

function running(handle: AgentHandle): Promise<void> {
  return new Promise((resolve) =>
    handle.events$.subscribe((event) => event.type === "agent.running" && resolve()),
  );
}
