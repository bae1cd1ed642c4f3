import { expect, test } from "vitest";
import { tireless } from "../original/agents.ts";
import { usage } from "../original/story.ts";
import { aTurn, originalWorld, STORES } from "../original/world.ts";
import { diligent, session } from "./phase2-world.ts";

test.each(STORES)(
  "what an agent used before kill -9 counts for the run that goes on (%s)",
  async (_, open) => {
    const world = await originalWorld(open);
    await world.store.memories.upsert("global", [session(1)]);
    const limits = { maxTokens: 10_000, maxToolCalls: 4 };
    const doomed = await world.start(async (task) => {
      await doomed.reached("supervising");
      for (const text of ["a", "b", "c"]) task.report({ type: "agent.tool", name: "shell", text });
      world.clock.advance(10_000);
      task.report({ type: "agent.usage", usage: usage(5_000, 1_000) });
      await tireless(task);
    }, limits);
    await doomed.engine.start();
    await doomed.reached("supervising");
    for (let used = null; used === null; ) {
      const log = await world.store.runs.log({ run: "run-1", after: 0, limit: 1_000 });
      used = log.find(({ type }) => type === "budget.used") ?? null;
      await aTurn();
    }
    await doomed.kill();

    const next = await world.start(async (task) => {
      await next.reached("supervising");
      task.report({ type: "agent.tool", name: "shell", text: "d" });
      task.report({ type: "agent.usage", usage: usage(4_500, 0) });
      return diligent(task);
    }, limits);
    const run = await next.engine.start();
    const result = await run.result;
    await next.close();
    expect([run.adopted, result.status, result.reason?.cause]).toEqual([
      true,
      "failed_budget",
      "the agent used 10,500 tokens, 10,000 are allowed (maxTokens)",
    ]);
    expect(result.budget.map(({ name, used }) => [name, used])).toEqual(
      expect.arrayContaining([
        ["toolCalls", 4],
        ["tokens", 10_500],
      ]),
    );
  },
);
