import { expect, test } from "vitest";
import { createActor, toPromise } from "xstate";
import type { AgentRunner } from "../../src/domain/agent.ts";
import { configureAgent } from "../../src/services/spawn-agent.ts";
import { scriptedRunner } from "./scripted-handle.ts";

const LOCKED = { approvals: "never", sandbox: "workspace-write" };

test("a model-driven agent gets the model asked for, medium effort, and the network it must have", async () => {
  expect(await configured({ name: "claude", network: "open" }, "m-1")).toEqual({
    ...LOCKED,
    agent: "claude",
    model: "m-1",
    effort: "medium",
    network: "open",
  });
});

test("an agent without a model gets neither model nor effort", async () => {
  expect(await configured({ usesModel: false }, "m-1")).toEqual({
    ...LOCKED,
    agent: "scripted",
    model: null,
    effort: null,
    network: "none",
  });
});

test("an agent that can't be kept in its workspace is refused with what is missing", async () => {
  await expect(configured({ probe: async () => ({ missing: "Install bubblewrap." }) })).rejects.toMatchObject(
    {
      code: "failed_sandbox_policy",
      message: "Install bubblewrap.",
    },
  );
  expect(await configured({ probe: async () => ({ sandbox: "bubblewrap" }) })).toMatchObject(LOCKED);
});

test("the network is what the sandbox found here leaves open, where that is more or less than the agent needs", async () => {
  const found = { sandbox: "node-permission", network: "open" } as const;
  expect(await configured({ network: "none", probe: async () => found })).toMatchObject({ network: "open" });
});

function configured(scripted: Partial<AgentRunner>, model: string | null = null) {
  const { runner } = scriptedRunner(scripted);
  const actor = createActor(configureAgent({ runner, settings: { model } }), {
    input: { run: "r1", space: "global" },
  });
  const config = toPromise(actor);
  actor.start();
  return config;
}
