import { describe, expect, test } from "vitest";
import type { RunAnswer, RunsAnswer } from "../../src/server/api.ts";
import { phase2World, session } from "../engine/phase2-world.ts";
import { appOver, asking } from "./server-world.ts";

const json = async <T>(response: Response): Promise<T> => {
  expect({ status: response.status, type: response.headers.get("content-type") }).toEqual({
    status: 200,
    type: "application/json",
  });
  return (await response.json()) as T;
};

/** One run that succeeded and one that found nothing to do. */
async function twoRuns() {
  const { open } = await phase2World();
  const { store, engine } = open();
  await store.memories.upsert("global", [session(1), session(2)]);
  const first = await engine.start();
  await first.result;
  const second = await engine.start();
  await second.result;
  const ask = asking(appOver(store, { engine }));
  return { store, engine, ask, first: first.id, second: second.id };
}

describe("the runs", () => {
  test("are listed newest first with a line that says what came of each, and counted by outcome", async () => {
    const { ask, first, second } = await twoRuns();
    const listed = await json<RunsAnswer>(await ask("/api/runs"));
    expect(listed).toEqual({
      runs: [
        {
          id: second,
          space: "global",
          machine: "phase2",
          session: null,
          state: "done",
          value: "skipped",
          outcome: "skipped",
          status: "skipped_not_dirty",
          line: "not dirty",
          inputs: null,
          createdAtMs: expect.any(Number),
          updatedAtMs: expect.any(Number),
          cancelRequestedAtMs: null,
        },
        {
          id: first,
          space: "global",
          machine: "phase2",
          session: null,
          state: "done",
          value: "succeeded",
          outcome: "succeeded",
          status: "succeeded",
          line: "2 memories",
          inputs: 2,
          createdAtMs: expect.any(Number),
          updatedAtMs: expect.any(Number),
          cancelRequestedAtMs: null,
        },
      ],
      counts: { active: 0, succeeded: 1, skipped: 1, failed: 0, cancelled: 0 },
      nextBefore: null,
    });
  });

  test("come in pages and by outcome", async () => {
    const { ask, first, second } = await twoRuns();
    const page = await json<RunsAnswer>(await ask("/api/runs?limit=1"));
    expect([page.runs.map(({ id }) => id), page.nextBefore]).toEqual([[second], second]);
    const rest = await json<RunsAnswer>(await ask(`/api/runs?limit=1&before=${page.nextBefore}`));
    expect([rest.runs.map(({ id }) => id), rest.nextBefore]).toEqual([[first], null]);
    const skipped = await json<RunsAnswer>(await ask("/api/runs?outcome=skipped&space=global"));
    expect(skipped.runs.map(({ id }) => id)).toEqual([second]);
    const elsewhere = await json<RunsAnswer>(await ask("/api/runs?space=elsewhere"));
    expect(elsewhere).toEqual({
      runs: [],
      counts: { active: 0, succeeded: 0, skipped: 0, failed: 0, cancelled: 0 },
      nextBefore: null,
    });
  });
});

describe("one run", () => {
  test("is shown with its result, budget, events and what may be done about it", async () => {
    const { ask, first, engine, store } = await twoRuns();
    const shown = await json<RunAnswer>(await ask(`/api/runs/${first}`));
    expect(shown).toMatchObject({
      run: { id: first, status: "succeeded" },
      owner: { id: engine.owner, life: "alive" },
      lease: null,
      job: { job_key: "global", status: "done" },
      result: JSON.parse(JSON.stringify(await engine.result(first))),
      hasEarlier: false,
      can: {
        cancel: { ok: false, why: "The run is over." },
        retry: { ok: false, why: "Nothing new since the last consolidation: a run would be skipped." },
      },
    });
    const log = await store.runs.log({ run: first, after: 0, limit: 1_000 });
    expect(shown.events).toEqual(log.map((row) => ({ ...row, data: JSON.parse(row.data) })));
    expect(shown.budget.map(({ name, limit }) => [name, limit])).toEqual([
      ["minutes", 60],
      ["silence", 10],
      ["turns", 40],
      ["toolCalls", 2000],
      ["tokens", null],
      ["cost", null],
      ["outputBytes", 16_777_216],
    ]);
  });

  test("has the day's budgets of its space beside its own, where there are any", async () => {
    const { open } = await phase2World();
    const { store, engine } = open(undefined, { maxRunsPerDay: 3, maxCostUsdPerDay: 2 });
    await store.memories.upsert("global", [session(1)]);
    const run = await engine.start();
    await run.result;
    const ask = asking(appOver(store, { engine }));
    const { budget } = await json<RunAnswer>(await ask(`/api/runs/${run.id}`));
    expect(budget.slice(7)).toEqual([
      {
        name: "runsPerDay",
        used: 1,
        limit: 3,
        estimated: false,
        unit: "runs",
        setting: "maxRunsPerDay",
      },
      {
        name: "costPerDay",
        used: 0,
        limit: 2,
        estimated: false,
        unit: "USD",
        setting: "maxCostUsdPerDay",
      },
    ]);
  });

  test("is folded again to what it was after each of its events, and to its end", async () => {
    const { ask, first, store } = await twoRuns();
    const steps = await store.runs.steps({ run: first, to: 1_000 });
    for (const { sequence, value } of steps) {
      const moment = await json<{ value: string }>(await ask(`/api/runs/${first}/at/${sequence}`));
      expect(moment.value).toBe(value);
    }
    const end = await json(await ask(`/api/runs/${first}/at/${steps.length - 1}`));
    const snapshot = JSON.parse((await store.runs.read(first))?.snapshot ?? "");
    expect(end).toEqual({ sequence: steps.length - 1, value: "succeeded", snapshot });
    expect((await ask(`/api/runs/${first}/at/${steps.length}`)).status).toBe(404);
  });

  test("gives its older events in pages", async () => {
    const { ask, first, store } = await twoRuns();
    const log = await store.runs.log({ run: first, after: 0, limit: 1_000 });
    const last = await json<{ events: { id: number }[]; hasEarlier: boolean }>(
      await ask(`/api/runs/${first}/events?limit=2`),
    );
    expect([last.events.map(({ id }) => id), last.hasEarlier]).toEqual([
      log.slice(-2).map(({ id }) => id),
      true,
    ]);
    const before = await json<{ events: { id: number }[]; hasEarlier: boolean }>(
      await ask(`/api/runs/${first}/events?before=${log[2]?.id}`),
    );
    expect(before).toMatchObject({ events: log.slice(0, 2).map(({ id }) => ({ id })), hasEarlier: false });
  });

  test("is exported whole: detail, every moment, and what it changed", async () => {
    const { ask, first } = await twoRuns();
    const response = await ask(`/api/runs/${first}/export`);
    expect(response.headers.get("content-disposition")).toBe(
      `attachment; filename="slowwave-run-${first}.json"`,
    );
    const exported = (await response.json()) as {
      format: string;
      detail: RunAnswer;
      snapshots: { value: string }[];
      diff: { files: { path: string; after: string }[] };
    };
    expect(exported).toMatchObject({ format: "slowwave-run", version: 1, detail: { run: { id: first } } });
    expect(exported.snapshots.at(-1)?.value).toBe("succeeded");
    expect(exported.diff.files.map(({ path }) => path)).toEqual([
      "MEMORY.md",
      "memory_summary.md",
      "raw_memories.md",
      "rollout_summaries/2026-03-22T20-40-01-0001.md",
      "rollout_summaries/2026-03-22T20-40-02-0002.md",
    ]);
  });
});
