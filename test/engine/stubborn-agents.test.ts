import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { AgentHandle, AgentRunner } from "../../src/domain/agent.ts";
import type { Clock } from "../../src/domain/clock.ts";
import { systemClock } from "../../src/durable/system.ts";
import { scriptedHandle, scriptedRunner } from "../agents/scripted-handle.ts";
import { phase2World, session, treeOf } from "./phase2-world.ts";

/** A thousand times as fast: a minute of silence is over at once. */
const FAST = 1_000;
const began = systemClock.nowMs();
const fast: Clock = {
  nowMs: () => began + (systemClock.nowMs() - began) * FAST,
  monotonicMs: () => systemClock.monotonicMs() * FAST,
  setTimeout: (fn, ms) => systemClock.setTimeout(fn, ms / FAST),
  clearTimeout: (id) => systemClock.clearTimeout(id),
};

const never = () => new Promise<never>(() => {});

/** Its process is gone without a word: the stream stays open whatever is asked. */
function mute(some: Partial<AgentHandle> = {}): Pick<AgentRunner, "spawn"> {
  return {
    async spawn(spec) {
      const { handle, emit } = scriptedHandle(spec.key);
      emit({ type: "agent.starting" });
      emit({ type: "agent.running" });
      return { ...handle, close: async () => {}, ...some };
    },
  };
}

const SILENT = "the agent said nothing for 1 minute, no more is allowed (maxSilenceMinutes)";

test.each<[string, Pick<AgentRunner, "spawn">, string]>([
  ["leaves its stream open when its process has died", mute(), SILENT],
  ["never ends when it is closed", mute({ close: never }), SILENT],
  ["never ends when it is interrupted or closed", mute({ interrupt: never, close: never }), SILENT],
  ["rejects when it is closed", mute({ close: () => Promise.reject(new Error("I stay")) }), SILENT],
  ["never takes what it is told in its turn", mute({ steer: never }), SILENT],
  ["never starts", { spawn: never }, "the run took longer than 20 minutes (maxRunMinutes)"],
  [
    "never takes its repair turn",
    {
      async spawn(spec) {
        const { handle, emit } = scriptedHandle(spec.key);
        emit({ type: "agent.running" });
        await writeFile(join(spec.workspace, "MEMORY.md"), "nothing of use\n");
        emit({ type: "agent.completed", message: null });
        return { ...handle, prompt: never };
      },
    },
    SILENT,
  ],
  [
    "talks on after it was told to end",
    {
      async spawn(spec) {
        const { handle, emit } = scriptedHandle(spec.key);
        const talk = setInterval(() => {
          for (let at = 0; at < 100; at += 1) emit({ type: "agent.thought", text: "x".repeat(10_000) });
        });
        emit({ type: "agent.running" });
        return {
          ...handle,
          close: async () => void setTimeout(() => clearInterval(talk), 100),
        };
      },
    },
    "the agent wrote 5,010,000 bytes of output, 5,000,000 are allowed (maxOutputBytes)",
  ],
])("a run whose agent %s ends in bounded time, by its name", async (_, script, cause) => {
  const { home, shared, open } = await phase2World();
  const { runner } = scriptedRunner(script);
  // Time enough for a slow machine, unless it is time that is to run out.
  const maxRunMinutes = cause.includes("maxRunMinutes") ? 20 : 1_000;
  // The clock runs fast: on a loaded machine one that talks would be taken for silent.
  const maxSilenceMinutes = cause.includes("maxOutputBytes") ? null : 1;
  const limits = { maxSilenceMinutes, maxRunMinutes, maxOutputBytes: 5_000_000 };
  const { engine, store } = open(runner, { clock: fast, leaseSeconds: 100_000, ...limits });
  await store.memories.upsert("global", [session(1)]);
  const result = await (await engine.start()).result;
  expect([result.status, result.reason?.cause]).toEqual(["failed_budget", cause]);
  expect(shared.jobs.get("global")).toMatchObject({
    status: "error",
    last_error: "failed_budget",
    lease_until: null,
    retry_remaining: 2,
  });
  expect(await treeOf(join(home, "staging"))).toEqual({});
  const notes = await store.runs.log({ run: result.run, after: 0, limit: 10_000 });
  expect(notes.length).toBeLessThan(1_500);
});
