import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type AgentFunction, functionAgent } from "../../src/agents/function-agent.ts";
import type { LearnResult } from "../../src/domain/phase1.ts";
import { ID, type LearnWorld, learnWorld, SHOP } from "./world.ts";

let world: LearnWorld;
beforeEach(() => {
  world = learnWorld();
  world.claude(ID(1), SHOP);
});
afterEach(() => world.remove());

const KEY = `claude-${ID(1)}`;

const GOOD = {
  rollout_summary: "# Cart\n\nThe tests of the cart failed and pass now.",
  rollout_slug: "cart tests",
  raw_memory: [
    "# Task Group: /home/dev/demo-shop",
    "",
    "## User preferences",
    '- the user said: "Always run npm test before you say that something works."',
    '- the user said: "Always deploy on Fridays."',
    "- The user likes tabs.",
    "",
    "## Reusable knowledge",
    "- `npm test -- --run` passes.",
    "- `rm -rf build` makes it faster.",
  ].join("\n"),
};

async function learnedBy(agent: AgentFunction, some = {}): Promise<LearnResult> {
  const learner = world.learner({ agent: functionAgent(agent), ...some });
  await learner.look({ space: "global" });
  return (await learner.learn({ space: "global", key: KEY })).result;
}

test("an agent sees the evidence and nothing else; what nobody said or ran is cut out and told", async () => {
  let saw: unknown;
  const result = await learnedBy(({ workspace }) => {
    saw = [readdirSync(workspace), readFileSync(join(workspace, "evidence.md"), "utf8")];
    writeFileSync(join(workspace, "note.json"), JSON.stringify(GOOD));
  });
  expect(saw).toEqual([["evidence.md"], expect.stringContaining("Always run npm test before you say")]);
  expect(result).toMatchObject({ status: "succeeded", findings: 3 });
  const [note] = await world.store.memories.select("global", 1);
  expect(note?.rolloutSlug).toBe("cart-tests");
  expect(note?.rawMemory).toBe(
    [
      "# Task Group: /home/dev/demo-shop",
      "",
      "## User preferences",
      '- the user said: "Always run npm test before you say that something works."',
      "",
      "## Reusable knowledge",
      "- `npm test -- --run` passes.",
    ].join("\n"),
  );
  expect(existsSync(join(world.home, "staging", result.run))).toBe(false);
});

test("a note that can't be understood may be mended once, with what was wrong", async () => {
  const asked: string[] = [];
  const result = await learnedBy(({ workspace, prompt }) => {
    asked.push(prompt);
    const text = asked.length === 1 ? "Here is the note." : JSON.stringify(GOOD);
    writeFileSync(join(workspace, "note.json"), text);
  });
  expect(result.status).toBe("succeeded");
  expect(asked).toEqual([
    expect.not.stringContaining("was refused"),
    expect.stringContaining("note.json must be one JSON object"),
  ]);
});

test("one that stays wrong is refused, and nothing is kept", async () => {
  const result = await learnedBy(({ workspace }) => writeFileSync(join(workspace, "note.json"), "no"));
  expect(result).toMatchObject({ outcome: "failed", status: "failed_invalid_output" });
  expect(result.reason?.cause).toBe("note_not_json");
  expect(await world.store.memories.count("global")).toBe(0);
  expect(readdirSync(join(world.home, "staging"))).toEqual([]);
});

test("two empty texts say that there is nothing to keep", async () => {
  const none = { rollout_summary: "", rollout_slug: null, raw_memory: "" };
  const result = await learnedBy(({ workspace }) =>
    writeFileSync(join(workspace, "note.json"), JSON.stringify(none)),
  );
  expect(result.status).toBe("succeeded_no_output");
});

test("an agent that fails is told by its own words, and the session waits", async () => {
  const result = await learnedBy(() => {
    throw new Error("the model is down");
  });
  expect(result).toMatchObject({
    status: "failed_agent",
    reason: { cause: expect.stringContaining("the model is down") },
  });
  expect(await world.store.sessions.job("global", KEY)).toMatchObject({
    status: "error",
    retry_remaining: 2,
  });
});

test("one that is cancelled is ended before its session is free again", async () => {
  let isEnded = false;
  let begun = () => {};
  const atWork = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const agent: AgentFunction = ({ signal }) =>
    new Promise((resolve) => {
      signal.addEventListener("abort", () => {
        isEnded = true;
        resolve(undefined);
      });
      begun();
    });
  const learner = world.learner({ agent: functionAgent(agent) });
  await learner.look({ space: "global" });
  const run = await learner.learn({ space: "global", key: KEY });
  await atWork;
  await learner.close();
  expect(await run.result).toMatchObject({ status: "cancelled" });
  expect(isEnded).toBe(true);
  expect(await world.store.sessions.job("global", KEY)).toMatchObject({ status: "pending", worker_id: null });
});
