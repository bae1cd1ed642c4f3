import type { Histogram } from "@opentelemetry/sdk-metrics";
import { describe, expect, test } from "vitest";
import { diligent, session } from "../engine/phase2-world.ts";
import { installMeter } from "./meter.ts";
import { originalWorld, type Process, STORES } from "./world.ts";

/** What a host's own OpenTelemetry SDK sees of whole runs. */
describe.each(STORES)("metrics (%s)", (_, open) => {
  test("a whole run: each status once, its inputs, its length, the tokens of the completed agent", async () => {
    const seen = meter();
    const world = await originalWorld(open);
    await world.store.memories.upsert("global", [session(1), session(2)]);
    const process = await world.start(async (task) => {
      await process.reached("supervising");
      world.clock.advance(100_000);
      task.report({
        type: "agent.usage",
        usage: {
          turns: 1,
          inputTokens: 1_200,
          cachedInputTokens: 1_000,
          outputTokens: 300,
          reasoningOutputTokens: 40,
          costUsd: null,
          estimated: false,
        },
      });
      return diligent(task);
    });
    await end(process);
    expect(await seen()).toEqual({
      "codex.memory.phase2": {
        "status=claimed": 1,
        "status=agent_spawned": 1,
        "status=succeeded": 1,
      },
      "codex.memory.phase2.input": { "": 2 },
      "codex.memory.phase2.e2e_ms": { "": { count: 1, sum: 112_000 } },
      "codex.memory.phase2.token_usage": {
        "token_type=input": { count: 1, sum: 1_200 },
        "token_type=cached_input": { count: 1, sum: 1_000 },
        "token_type=reasoning_output": { count: 1, sum: 40 },
        "token_type=output": { count: 1, sum: 300 },
        "token_type=total": { count: 1, sum: 1_500 },
      },
    });
  });

  test("without input there is no input counter, without an agent no tokens", async () => {
    const seen = meter();
    const world = await originalWorld(open);
    await world.store.jobs.enqueue("global", 1);
    await end(await world.start());
    await end(await world.start());
    expect(await seen()).toEqual({
      "codex.memory.phase2": {
        "status=claimed": 1,
        "status=succeeded_no_input": 1,
        "status=skipped_not_dirty": 1,
      },
      "codex.memory.phase2.e2e_ms": { "": { count: 2, sum: expect.any(Number) } },
    });
  });

  test("an agent that failed: its inputs are counted, its tokens are not", async () => {
    const seen = meter();
    const world = await originalWorld(open);
    await world.store.memories.upsert("global", [session(1)]);
    const process = await world.start((task) => {
      task.report({
        type: "agent.usage",
        usage: { turns: 1, inputTokens: 5, outputTokens: 5, costUsd: null, estimated: false },
      });
      throw new Error("no");
    });
    await end(process);
    expect(await seen()).toMatchObject({
      "codex.memory.phase2": { "status=claimed": 1, "status=agent_spawned": 1, "status=failed_agent": 1 },
      "codex.memory.phase2.input": { "": 1 },
    });
    expect(Object.keys(await seen())).not.toContain("codex.memory.phase2.token_usage");
  });

  test("a status is counted after the write it describes, never before it", async () => {
    const seen = meter();
    const world = await originalWorld(open);
    await world.store.memories.upsert("global", [session(1)]);
    const counts: [call: string, statuses: readonly string[]][] = [];
    const before = async (call: string) => {
      if (!/^jobs\.(claim|succeed)$/.test(call)) return;
      counts.push([call, Object.keys((await seen())["codex.memory.phase2"] ?? {})]);
    };
    const process = await world.start(diligent, { before });
    const rows: [counted: string, row: string | undefined][] = [];
    process.engine.events$.subscribe((event) => {
      if (event.type !== "status.counted") return;
      // Asked at once, so what was written before is all that can be found.
      void world.row().then((row) => rows.push([event.status, row?.status]));
    });
    await end(process);
    expect(counts).toEqual([
      ["jobs.claim", []],
      ["jobs.succeed", ["status=claimed", "status=agent_spawned"]],
    ]);
    expect(rows).toEqual([
      ["claimed", "running"],
      ["agent_spawned", "running"],
      ["succeeded", "done"],
    ]);
  });

  test("a success that could not be written is never counted as one", async () => {
    const seen = meter();
    const world = await originalWorld(open);
    await world.store.memories.upsert("global", [session(1)]);
    const fault = (call: string) => (call === "jobs.succeed" ? new Error("disk I/O error") : undefined);
    await end(await world.start(diligent, { fault }));
    expect((await seen())["codex.memory.phase2"]).toEqual({
      "status=claimed": 1,
      "status=agent_spawned": 1,
      "status=failed_confirm_ownership": 1,
    });
  });

  test("a run that another process finishes counts its end once", async () => {
    const seen = meter();
    const world = await originalWorld(open);
    await world.store.memories.upsert("global", [session(1)]);
    const doomed = await world.start(() => new Promise(() => {}));
    await doomed.engine.start();
    await doomed.reached("supervising");
    await doomed.kill();
    await end(await world.start());
    expect((await seen())["codex.memory.phase2"]).toEqual({
      "status=claimed": 1,
      "status=agent_spawned": 2,
      "status=succeeded": 1,
    });
  });
});

type Reading = Record<string, Record<string, number | { count: number; sum: number | undefined }>>;

/** The function reads every point that a host's SDK holds, by metric and label. */
function meter(): () => Promise<Reading> {
  const collect = installMeter();
  return async () =>
    Object.fromEntries(
      (await collect()).map(({ descriptor, dataPoints }) => [
        descriptor.name,
        Object.fromEntries(dataPoints.map((point) => [labelsOf(point), amountOf(point)])),
      ]),
    );
}

function labelsOf({ attributes }: { readonly attributes: object }): string {
  return Object.entries(attributes)
    .map(([name, value]) => `${name}=${value}`)
    .join(",");
}

function amountOf({
  value,
}: {
  readonly value: unknown;
}): number | { count: number; sum: number | undefined } {
  if (typeof value === "number") return value;
  const { count, sum } = value as Histogram;
  return { count, sum };
}

async function end(process: Process): Promise<void> {
  await (await process.engine.start()).result;
  await process.close();
}
