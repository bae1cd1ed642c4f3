import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { AgentFunction } from "../../src/agents/function-agent.ts";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";
import { diligent, phase2World, session } from "./phase2-world.ts";

const KEY = `sk-${"ant-api03-"}aB3dE5fG7hJ9kL2maB3dE5fG7hJ9kL2m`;
/** Any of these in a file or an event gives the key away. */
const PIECES = [KEY.slice(0, 24), KEY.slice(-16)];

const talkative: AgentFunction = async (task) => {
  const { report } = task;
  report(`I found ${KEY} in the notes.`);
  report({ type: "agent.thought", text: `In two pieces: ${KEY.slice(0, 24)}` });
  report({ type: "agent.thought", text: `${KEY.slice(24)} and on` });
  report({ type: "agent.tool", name: "shell", text: `curl -H "x-api-key: ${KEY}" example.org` });
  await diligent(task);
  return `Done, the key was ${KEY}`;
};

const failing: AgentFunction = ({ report }) => {
  report("Trying.");
  throw new Error(`401 for ${KEY}`);
};

test.each([
  ["what an agent says", talkative, "succeeded"],
  ["what an agent fails with", failing, "failed_agent"],
] as const)("no secret in %s reaches an event, the result or the database", async (_, agent, status) => {
  const folder = await mkdtemp(join(tmpdir(), "slowwave-secrets-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const store = await openSqliteStore({ path: join(folder, "slowwave.db") });
  const { open } = await phase2World();
  const { engine, told } = open(agent, { store });
  await store.memories.upsert("global", [session(1)]);
  const result = await (await engine.start()).result;
  expect(result.status).toBe(status);
  const log = await store.runs.log({ run: result.run, after: 0, limit: 1_000 });
  await engine.close();
  await store.close();
  const files = await readdir(folder, { recursive: true, withFileTypes: true });
  const bytes = await Promise.all(
    files.filter((file) => file.isFile()).map((file) => readFile(join(file.parentPath, file.name), "latin1")),
  );
  const everything = [JSON.stringify(told), JSON.stringify(result), JSON.stringify(log), ...bytes].join("\n");
  expect(everything).toContain("[REDACTED_SECRET]");
  expect(PIECES.filter((piece) => everything.includes(piece))).toEqual([]);
});
