import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { checkout, readMemory } from "../../src/engine/checkout.ts";
import { createControls } from "../../src/engine/controls.ts";
import { phase2World, session, treeOf } from "./phase2-world.ts";

test("an engine without folders publishes to the store alone; a checkout has the memory, and its edits are in the next run", async () => {
  const { home, open, shared } = await phase2World();
  const { engine, store } = open(undefined, { memoryRoot: null });
  await store.memories.upsert("global", [session(1)]);
  expect((await (await engine.start()).result).status).toBe("succeeded");
  const to = join(home, "checkout");
  await checkout({ store, home, to });
  const handbook = join(to, "MEMORY.md");
  await writeFile(handbook, `${await readFile(handbook, "utf8")}- mine\n`);
  expect(await checkout({ store, home, to })).toMatchObject({ edited: { kind: "edited" } });
  await store.memories.upsert("global", [session(2)]);
  expect((await (await engine.start()).result).status).toBe("succeeded");
  const memory = await readMemory(store);
  expect(Buffer.from((await memory?.read("MEMORY.md")) ?? []).toString()).toContain("- mine");
  const controls = createControls({ store, home, memoryRoot: null });
  expect(await controls.rollback({ space: "global", target: null })).toMatchObject({ kind: "restored" });
  expect((await checkout({ store, home, to })).kind).toBe("brought");
  expect(Object.keys((await treeOf(to)) ?? {}).sort()).toEqual(
    [".slowwave", ...((await readMemory(store))?.files ?? []).map(({ path }) => path)].sort(),
  );
  expect([shared.journals.size, (await readdir(home)).includes("memories")]).toEqual([0, false]);
  await expect(readMemory(store).then((found) => found?.read("../x"))).rejects.toMatchObject({
    code: "memory_file_unknown",
  });
});
