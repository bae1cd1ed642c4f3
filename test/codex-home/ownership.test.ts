import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { functionAgent } from "../../src/agents/function-agent.ts";
import { markCodexRoot } from "../../src/codex-home/baseline.ts";
import { readCodexHome } from "../../src/codex-home/home.ts";
import { codexStore } from "../../src/codex-home/store.ts";
import { systemClock } from "../../src/durable/system.ts";
import { createEngine } from "../../src/engine/engine.ts";
import { createHome } from "../../src/engine/home.ts";
import { nodeFiles } from "../../src/files/node-files.ts";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";
import { temporaryFolder } from "../cli/invoke.ts";
import { run, start } from "../cli/real-process.ts";
import { diligent } from "../engine/phase2-world.ts";
import { type FakeCodex, fakeCodex, session } from "./world.ts";

test("a job that another program took while the agent worked is lost: its row stays as it is, and nothing is published", async () => {
  const codex = fakeCodex();
  codex.add(session(1));
  let published: readonly string[] = [];
  const result = await consolidated(codex, () => {
    codex.memories.exec(
      "UPDATE jobs SET ownership_token = 'theirs', worker_id = 'them', lease_until = 4000000000",
    );
    published = readdirSync(codex.root);
  });
  expect(result).toMatchObject({ status: "failed_lost_ownership" });
  expect(codex.job()).toMatchObject({
    status: "running",
    ownership_token: "theirs",
    lease_until: 4_000_000_000,
  });
  expect(readdirSync(codex.root)).toEqual(published);
});

test("kill -9 frees the lock at once; the next run goes on with the same job, and ends it", async () => {
  const codex = fakeCodex();
  codex.add(session(1));
  const words = ["run", "--codex-home", codex.folder, "--home", codex.home];
  const waiting = `setInterval(() => {}, 1_000); process.stdin.resume();`;
  const started = start([
    ...words,
    "--agent",
    "acp",
    "--sandbox",
    "none",
    "--",
    process.execPath,
    "-e",
    waiting,
  ]);
  await started.said("Start the agent");
  const row = codex.job();
  started.process.kill("SIGKILL");
  await started.ended;
  expect(codex.job()).toEqual(row);
  expect(await run([...words, "--json"])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('"status": "succeeded"'),
  });
  expect(codex.job()).toMatchObject({ status: "done", lease_until: null });
  expect(codex.baseline().changes).toBe("");
});

test("without git nothing is claimed, and the run fails by that name", async () => {
  const codex = fakeCodex();
  codex.add(session(1));
  expect(await consolidated(codex, () => {}, temporaryFolder())).toMatchObject({
    status: "failed_claim",
    reason: { cause: expect.stringContaining("There is no program git on PATH") },
  });
  expect(codex.job()).toBe(null);
});

async function consolidated(codex: FakeCodex, meanwhile: () => void, path = process.env.PATH) {
  const folder = `${temporaryFolder()}/home`;
  const home = readCodexHome(codex.folder, {});
  const files = nodeFiles();
  await markCodexRoot(home.root, { home: await createHome(folder).prepare(), space: "global" });
  const inner = await openSqliteStore({ path: `${folder}/slowwave.db` });
  const store = codexStore(inner, home, { clock: systemClock, files, path });
  const engine = createEngine({
    store,
    agent: functionAgent(async (task) => {
      meanwhile();
      return diligent(task);
    }),
    home: folder,
    memoryRoot: () => home.root,
  });
  try {
    return await (await engine.start()).result;
  } finally {
    await engine.close();
    await store.close();
  }
}
