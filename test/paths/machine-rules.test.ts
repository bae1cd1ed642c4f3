import { expect, test } from "vitest";
import { transition } from "xstate";
import { DEFAULT_SETTINGS } from "../../src/domain/settings.ts";
import type { Phase2Context, Phase2Input } from "../../src/machines/context.ts";
import { phase2Machine } from "../../src/machines/phase2.ts";

const INPUT: Phase2Input = {
  run: "run-1",
  space: "global",
  token: "token",
  deadlineAtMs: null,
  force: false,
  settings: DEFAULT_SETTINGS,
  maxRepairs: 2,
  maxRestarts: 5,
};

/** A run that watches its agent, as it was written down by hand: no step of the machine made it. */
function supervising(some: Partial<Phase2Context> = {}) {
  const context: Phase2Context = {
    ...INPUT,
    cancelled: false,
    before: null,
    claimedWatermark: 20,
    completionWatermark: 20,
    inputs: 1,
    base: null,
    config: null,
    agent: { id: "agent-1", threadId: null, sandbox: "none" },
    agentStatus: "running",
    repairs: 0,
    restarts: 0,
    findings: 0,
    draft: null,
    generation: null,
    status: null,
    cause: null,
    ...some,
  };
  return phase2Machine.resolveState({ value: "supervising", context });
}

test("a new agent has all its repair turns before it, whatever its dead predecessor used", () => {
  const [next] = transition(phase2Machine, supervising({ repairs: 2, restarts: 1 }), { type: "agent.gone" });
  expect([
    next.value,
    next.context.repairs,
    next.context.restarts,
    next.context.agent,
    next.context.agentStatus,
  ]).toEqual([{ syncing: "summaries" }, 0, 2, null, null]);
});

test("an agent that dies once more than a run may restart ends the run", () => {
  const [next] = transition(phase2Machine, supervising({ restarts: 5 }), { type: "agent.gone" });
  expect([next.value, next.context.status]).toEqual([{ failing: "closing" }, "failed_agent"]);
});

test.each([
  ["cancel", { type: "cancel" } as const, "cancelled"],
  [
    "a lost lease",
    { type: "lease.lost", why: "another worker owns the job" } as const,
    "failed_lost_ownership",
  ],
  ["a store that stays busy", { type: "lease.uncertain", why: "busy" } as const, "failed_confirm_ownership"],
  ["a reached budget", { type: "budget.reached", why: "too long" } as const, "failed_budget"],
  ["a shutdown of the agent", { type: "agent.shutdown" } as const, "failed_agent"],
  ["an agent that is not found", { type: "agent.notFound" } as const, "failed_agent"],
])("%s ends the run by its name, and nothing keeps lease or deadline from then on", (_, event, status) => {
  const from = supervising();
  const [next, actions] = transition(phase2Machine, from, event);
  expect([next.value, next.context.status]).toEqual([{ failing: "closing" }, status]);
  // One for the agent's stream, which its state leaves, and one each for the keepers of lease and deadline.
  expect(actions.filter((action) => String(action.type) === "xstate.stopChild").length).toBe(3);
});

test("a run that lost its job writes no row, also where its agent could not be closed", () => {
  const [closing] = transition(phase2Machine, supervising(), {
    type: "lease.lost",
    why: "another worker owns the job",
  });
  const failed = { type: "xstate.error.actor.closeAgent", error: new Error("pid 7 stays") };
  const [next, actions] = transition(phase2Machine, closing, failed as never);
  expect([next.value, next.context.status]).toEqual(["failed", "failed_lost_ownership"]);
  expect(actions.filter(({ type }) => type === "xstate.spawnChild")).toEqual([]);
});
