import { afterEach, beforeEach, expect, test } from "vitest";
import type { RunsAnswer, SessionsAnswer } from "../../src/server/api.ts";
import { ID, type LearnWorld, learnWorld, SHOP } from "../learning/world.ts";
import { appOver, asking } from "./server-world.ts";

let world: LearnWorld;
beforeEach(() => {
  world = learnWorld();
});
afterEach(() => world.remove());

test("sessions are told with what became of each, and the runs that learned them are listed when asked for", async () => {
  world.claude(ID(1), SHOP);
  const learner = world.learner();
  await learner.look({ space: "global" });
  await (await learner.learn({ space: "global", key: `claude-${ID(1)}` })).result;
  const ask = asking(appOver(world.store));
  const json = async <T>(path: string) => (await (await ask(path)).json()) as T;
  const { sessions, counts } = await json<SessionsAnswer>("/api/sessions");
  expect(sessions.map(({ key, verdict }) => [key, verdict])).toEqual([[`claude-${ID(1)}`, "learned"]]);
  expect(counts).toEqual({ learned: 1 });
  expect(await json<RunsAnswer>("/api/runs")).toMatchObject({ runs: [], counts: { succeeded: 0 } });
  expect(await json<RunsAnswer>("/api/runs?machine=phase1")).toMatchObject({
    runs: [{ status: "succeeded", line: `learned claude-${ID(1)}` }],
    counts: { succeeded: 1 },
  });
});
