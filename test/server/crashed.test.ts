import { describe, expect, test } from "vitest";
import type { RunAnswer } from "../../src/server/api.ts";
import { phase2World, session } from "../engine/phase2-world.ts";
import { appOver, asking } from "./server-world.ts";

describe("a run whose process is gone", () => {
  test("is shown with a dead owner, its lease and every moment up to where it stands", async () => {
    const { open } = await phase2World();
    const { store, engine } = open(
      ({ signal }) => new Promise((_, reject) => signal.addEventListener("abort", reject)),
    );
    await store.memories.upsert("global", [session(1)]);
    const run = await engine.start();
    await new Promise<void>((resolve) => {
      run.events$.subscribe((event) => {
        if (event.type === "state.entered" && event.state === "supervising") resolve();
      });
    });
    // What a crash leaves: a store with the same rows, and an owner that nobody answers for.
    const liveness = { ...store.liveness, probe: async () => "dead" as const };
    const ask = asking(appOver({ ...store, liveness }));
    const shown = (await (await ask(`/api/runs/${run.id}`)).json()) as RunAnswer;
    expect(shown).toMatchObject({
      run: { state: "active", value: "supervising" },
      owner: { life: "dead" },
      lease: { leaseSeconds: 3600 },
      result: null,
    });
    const at = await ask(`/api/runs/${run.id}/at/0`);
    expect(await at.json()).toMatchObject({ sequence: 0, value: "claiming" });
  });
});

describe("a run of another version of the machine", () => {
  test("is listed, shown and exported with what can be known, and its moments are refused with a sentence", async () => {
    const { open } = await phase2World();
    const { store } = open();
    const run = {
      id: "old",
      space: "global",
      machine: "phase2",
      version: "0",
      hash: "other",
      owner: "o",
      createdAtMs: 1,
    };
    await store.runs.create(run, {
      ...{
        run: "old",
        fence: 0,
        sequence: 0,
        atMs: 1,
        event: "{}",
        eventType: "xstate.init",
        value: "dreaming",
      },
      ...{
        snapshot: '{"value":{"dreaming":{"deep":"still"}},"context":{"odd":1}}',
        state: "active",
        intents: [],
      },
    });
    await store.runs.park({ run: "old", fence: 0, reason: "made by version 0", nowMs: 2 });
    const ask = asking(appOver(store));
    expect(await (await ask("/api/runs?outcome=failed")).json()).toMatchObject({
      runs: [
        {
          state: "parked",
          value: "dreaming.deep.still",
          status: "parked_unknown_version",
          line: "made by another version: made by version 0",
        },
      ],
      counts: { failed: 1 },
    });
    expect((await ask("/api/runs/old")).status).toBe(200);
    expect(await (await ask("/api/runs/old/at/0")).json()).toMatchObject({
      error: { code: "other_machine" },
    });
    expect(await (await ask("/api/runs/old/export")).json()).toMatchObject({ snapshots: [], diff: null });
  });
});
