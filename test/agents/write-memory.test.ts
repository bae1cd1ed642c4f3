import { expect, test } from "vitest";
import { readSummaries, writeMemory } from "../../src/agents/function-agent.ts";
import { phase2World, session } from "../engine/phase2-world.ts";

test("what the helper writes passes the gate at once, without a finding, and again with a further session", async () => {
  let turns = 0;
  const { open } = await phase2World();
  const { engine, store } = open(async ({ workspace }) => {
    turns += 1;
    const sessions = await readSummaries(workspace);
    const groups = [...Map.groupBy(sessions, ({ cwd }) => cwd)].map(([cwd, all], at) => ({
      name: `project ${at + 1}`,
      scope: `work in\n${cwd || "no folder"}`,
      cwd,
      tasks: all.map(({ file, threadId }) => ({ title: `session ${threadId}`, summaries: [file] })),
      preferences: [{ text: "keep  answers\nshort" }],
      knowledge: [{ text: "the release needs Node 22", tasks: [1] }],
    }));
    await writeMemory(workspace, groups);
  });
  await store.memories.upsert("global", [
    session(1),
    session(2, { cwd: "/home/dev/bank" }),
    session(3, { cwd: "" }),
  ]);
  const first = await (await engine.start()).result;
  expect([first.status, first.findings, turns]).toEqual(["succeeded", [], 1]);
  await store.memories.upsert("global", [session(4)]);
  const second = await (await engine.start()).result;
  expect([second.status, second.findings, turns]).toEqual(["succeeded", [], 2]);
});

test("sessions are told with thread, time, folder and text", async () => {
  let found: unknown = null;
  const { engine, store } = (await phase2World()).open(async ({ workspace }) => {
    found = await readSummaries(workspace);
    throw new Error("enough");
  });
  await store.memories.upsert("global", [session(1)]);
  await (await engine.start()).result;
  expect(found).toEqual([
    {
      file: expect.stringMatching(/^2026-03-22T20-40-01-.*\.md$/),
      threadId: "00000000-0000-4000-8000-000000000001",
      updatedAt: "2026-03-22T20:40:01+00:00",
      cwd: "/home/dev/shop",
      text: expect.stringContaining("What happened in it."),
    },
  ]);
});

test("a group without a task and a task without a summary are refused by name", async () => {
  await expect(writeMemory("/nowhere", [{ name: "shop", scope: "", tasks: [] }])).rejects.toThrow(
    '"shop" has no task',
  );
  const tasks = [{ title: "rename", summaries: [] }];
  await expect(writeMemory("/nowhere", [{ name: "shop", scope: "", tasks }])).rejects.toThrow(
    '"rename" names no summary',
  );
});
