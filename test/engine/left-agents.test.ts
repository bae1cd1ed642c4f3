import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { filter, firstValueFrom } from "rxjs";
import { expect, test } from "vitest";
import { functionAgent } from "../../src/agents/function-agent.ts";
import type { AgentRunner } from "../../src/domain/agent.ts";
import { diligent, phase2World, session } from "./phase2-world.ts";

test("an agent whose program is not here is refused before the claim: nothing is counted, nothing waits", async () => {
  const { open, shared } = await phase2World();
  const absent: AgentRunner = {
    ...functionAgent(diligent),
    findMissing: async () => "Codex is not here: install it.",
  };
  const { engine, store, told } = open(absent, { maxLiveRuns: 1 });
  await store.memories.upsert("global", [session(1)]);
  const before = shared.jobs.get("global");
  for (let attempt = 0; attempt < 2; attempt += 1) {
    await expect(engine.start()).rejects.toMatchObject({
      code: "agent_missing",
      message: "Codex is not here: install it.",
    });
  }
  expect([shared.jobs.get("global"), shared.runs.size, told]).toEqual([before, 0, []]);
});

test("before a run of a space goes on, the agents of all its dead runs are ended; one that stays keeps the space waiting", async () => {
  const { open, shared } = await phase2World();
  const asked: string[] = [];
  let isKillable = false;
  const runner: AgentRunner = {
    ...functionAgent(diligent),
    endOrphan: async (runFolder) => {
      const run = runFolder.split("/").at(-1) ?? "";
      asked.push(run);
      if (run === "younger" && !isKillable) throw new Error("pid 7 stays");
      return true;
    },
  };
  const first = open(() => new Promise<void>(() => {}));
  await first.store.memories.upsert("global", [session(1)]);
  const older = await first.engine.start();
  await firstValueFrom(
    older.events$.pipe(filter((event) => event.type === "state.entered" && event.state === "supervising")),
  );
  const record = shared.runs.get(older.id);
  if (record === undefined) throw new Error("no such run");
  // A second run of the space, begun when the lease of the first was over; its process died, too.
  shared.runs.set("younger", { ...record, id: "younger", createdAtMs: record.createdAtMs + 1 });
  shared.held.clear();
  const second = open(runner);
  await second.engine.recover().catch(() => {});
  expect([asked, second.engine.runs.getSnapshot().context.runs.get(older.id)?.state]).not.toContain(
    "succeeded",
  );
  expect(asked[0]).toBe("younger");
  expect(asked).not.toContain(older.id);
  isKillable = true;
  const [adopted] = await second.engine.recover();
  expect([adopted?.id, (await adopted?.result)?.status]).toEqual([older.id, "succeeded"]);
});

test("recovery removes the staging of runs that are over, and none that belongs to a run it does not know", async () => {
  const { home, open } = await phase2World();
  const { engine, store } = open();
  await store.memories.upsert("global", [session(1)]);
  const over = await engine.start();
  await over.result;
  for (const run of [over.id, "unknown"]) {
    mkdirSync(join(home, "staging", run, "workspace"), { recursive: true });
    writeFileSync(join(home, "staging", run, "workspace", "x"), "");
  }
  await engine.recover();
  expect([over.id, "unknown"].map((run) => existsSync(join(home, "staging", run)))).toEqual([false, true]);
});
