import { appendFile, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, type TestContext, test } from "vitest";
import { createControls } from "../../src/engine/controls.ts";
import { phase2World, session, treeOf } from "../engine/phase2-world.ts";
import { otherFileSystem } from "./elsewhere.ts";

/** A folder on another file system than the home's. Only a machine that has none may go without this test, and says so. */
async function elsewhere(context: TestContext): Promise<string> {
  const other = otherFileSystem();
  if (other === null) {
    const why = `No folder is on another file system than ${tmpdir()}: a memory on another one was not tried.`;
    if (process.env.CI) throw new Error(why);
    console.warn(why);
    return context.skip(why);
  }
  const folder = await mkdtemp(join(other, "slowwave-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

test("a memory on another file system than the home is published, edited by hand, published again and rolled back", async (context) => {
  const folder = await elsewhere(context);
  const { home, open } = await phase2World();
  const root = join(folder, "memories");
  const memoryRoot = () => root;
  const { store, engine } = open(undefined, { memoryRoot });
  expect((await stat(home)).dev).not.toBe((await stat(folder)).dev);
  const run = async () => (await engine.start()).result;

  await store.memories.upsert("global", [session(1)]);
  const first = await run();
  expect(first.status).toBe("succeeded");
  const published = await filesOf(root);
  expect(Object.keys(published).sort()).toEqual([
    "MEMORY.md",
    "memory_summary.md",
    "raw_memories.md",
    "rollout_summaries/2026-03-22T20-40-01-0001.md",
  ]);

  await appendFile(join(root, "MEMORY.md"), "- by hand\n");
  const edited = await filesOf(root);
  await store.memories.upsert("global", [session(2)]);
  const second = await run();
  expect(second).toMatchObject({
    status: "succeeded",
    files: {
      added: ["rollout_summaries/2026-03-22T20-40-02-0002.md"],
      modified: expect.arrayContaining(["MEMORY.md", "raw_memories.md"]),
      deleted: [],
    },
  });
  expect(await filesOf(root)).not.toEqual(edited);

  const controls = createControls({ store, home, memoryRoot });
  const kept = (await store.generations.list("global", 9)).find(({ kind }) => kind === "edited");
  expect(kept).toBeDefined();
  await controls.rollback({ space: "global", target: kept?.id ?? "" });
  expect(await filesOf(root)).toEqual(edited);
  await controls.rollback({ space: "global", target: first.generation });
  expect(await filesOf(root)).toEqual(published);
  expect(await store.generations.openJournal("global")).toBeNull();
  // Nothing of the memory is beside the rest of the home.
  expect(await treeOf(join(home, "memories"))).toBeNull();
});

/** The mark names the generation, and so differs. */
async function filesOf(root: string) {
  const { ".slowwave": _, ...files } = (await treeOf(root)) ?? {};
  return files;
}
