import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, onTestFinished, test } from "vitest";
import type { AgentFunction } from "../../src/agents/function-agent.ts";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";
import { diligent, phase2World, session } from "./phase2-world.ts";

const TOKEN = `ghp_${"a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"}`;

test("a token in a row that another program wrote reaches neither the agent's workspace nor the memory nor the log", async () => {
  const folder = await mkdtemp(join(tmpdir(), "slowwave-foreign-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, "slowwave.db");
  const store = await openSqliteStore({ path });
  await store.memories.upsert("global", [session(1)]);
  const other = new Database(path);
  other
    .prepare("update stage1_outputs set raw_memory = raw_memory || ?, rollout_summary = rollout_summary || ?")
    .run(`- the deploy used ${TOKEN}\n`, `\nUsed ${TOKEN}.`);
  other.close();
  const seen: string[] = [];
  const reading: AgentFunction = async (task) => {
    for (const entry of await readdir(task.workspace, { recursive: true, withFileTypes: true }))
      if (entry.isFile()) seen.push(await readFile(join(entry.parentPath, entry.name), "utf8"));
    return diligent(task);
  };
  const { open, root } = await phase2World();
  const { engine, told } = open(reading, { store });
  const result = await (await engine.start()).result;
  const log = await store.runs.log({ run: result.run, after: 0, limit: 1_000 });
  const published = await readFile(join(root, "raw_memories.md"), "utf8");
  await engine.close();
  await store.close();
  expect([result.status, seen.length]).toEqual(["succeeded", 2]);
  const everything = [...seen, published, JSON.stringify([result, told, log])];
  expect(everything.filter((text) => text.includes("a1B2c3D4e5F6"))).toEqual([]);
  expect([seen.every((text) => text.includes("[REDACTED_SECRET]")), published]).toEqual([
    true,
    expect.stringContaining("the deploy used [REDACTED_SECRET]"),
  ]);
});
