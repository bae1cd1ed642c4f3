import { expect, test } from "vitest";
import { resultOf } from "../../src/engine/result.ts";
import { createMemoryWorld, openMemoryStore } from "../../src/persistence/memory/index.ts";

test.each([
  ["nothing", {}],
  ["a claim, and no settings", { claimedWatermark: 7, agent: null }],
])(
  "what a parked run of another version came to can be read, with %s in its snapshot",
  async (_, context) => {
    const world = createMemoryWorld();
    world.runs.set("r1", {
      id: "r1",
      space: "global",
      machine: "phase2",
      version: "0",
      hash: "h",
      state: "parked",
      sequence: 3,
      fence: 1,
      owner: "o",
      snapshot: JSON.stringify({ value: "loading", context }),
      createdAtMs: 0,
      updatedAtMs: 60_000,
      cancelRequestedAtMs: null,
      parked: "made by version 0",
    });
    const result = await resultOf(openMemoryStore({ world }), "r1");
    expect(result).toMatchObject({
      status: "parked_unknown_version",
      reason: { code: "parked_unknown_version", cause: "made by version 0" },
    });
  },
);
