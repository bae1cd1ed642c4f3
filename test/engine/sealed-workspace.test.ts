import { existsSync } from "node:fs";
import { join } from "node:path";
import { filter, firstValueFrom } from "rxjs";
import { expect, test } from "vitest";
import type { Files, Folder } from "../../src/files/folder.ts";
import { nodeFiles } from "../../src/files/node-files.ts";
import { diligent, phase2World, session, treeOf } from "./phase2-world.ts";

/** The real files, on a disk that takes its time with one file of a workspace; `told` is what happened, in order. */
function slowDisk(name: string) {
  const files = nodeFiles();
  const told: string[] = [];
  let enter = () => {};
  let release = () => {};
  const entered = new Promise<void>((resolve) => {
    enter = resolve;
  });
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const wrap = (folder: Folder): Folder => ({
    ...folder,
    enter: async (below) => wrap(await folder.enter(below)),
    create: async (file, content, options) => {
      if (file !== name || !folder.path.includes("/staging/")) return folder.create(file, content, options);
      enter();
      await released;
      told.push("the step wrote its file");
      await folder.create(file, content, options);
    },
    removeFolder: async (below) => {
      const isStaging = folder.path.endsWith("/staging");
      if (isStaging) told.push("the workspace is cleared");
      return folder.removeFolder(below);
    },
  });
  const slow: Files = { ...files, open: async (path) => wrap(await files.open(path)) };
  return { files: slow, entered, release, told };
}

test("a workspace is cleared only when the step that was stopped has left it", async () => {
  const { home, open } = await phase2World();
  const disk = slowDisk("raw_memories.md");
  const { engine, store } = open(diligent, { files: disk.files });
  await store.memories.upsert("global", [session(1)]);
  const run = await engine.start();
  const closing = firstValueFrom(
    run.events$.pipe(filter((event) => event.type === "state.entered" && event.state === "failing.closing")),
  );
  await disk.entered;
  void engine.cancel(run.id);
  await closing;
  // Time enough for one that does not wait to clear it.
  for (let turn = 0; turn < 200 && disk.told.length === 0; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    if (!existsSync(join(home, "staging", run.id))) break;
  }
  expect(existsSync(join(home, "staging", run.id, "workspace"))).toBe(true);
  disk.release();
  expect((await run.result).status).toBe("cancelled");
  expect(disk.told[0]).toBe("the step wrote its file");
  expect(await treeOf(join(home, "staging"))).toEqual({});
});
