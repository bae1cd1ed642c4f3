import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { diligent, phase2World, session, treeOf } from "./phase2-world.ts";

test("the agent is told which folders are one repository, and the file stays out of the memory", async () => {
  const { open, root } = await phase2World();
  let told: unknown = null;
  const { engine, store } = open(async (task) => {
    told = JSON.parse(await readFile(join(task.workspace, "projects.json"), "utf8"));
    return diligent(task);
  });
  const shop = { id: "p1", commonDir: "/home/dev/shop/.git", rootCommit: null, remote: null, name: "shop" };
  await store.projects.keep("/home/dev/shop", shop, 1);
  await store.projects.keep("/home/dev/shop-two", shop, 2);
  await store.memories.upsert("global", [
    session(1),
    session(2, { cwd: "/home/dev/shop-two" }),
    session(3, { cwd: "/home/dev/unknown" }),
  ]);
  const { outcome } = await (await engine.start({ space: "global" })).result;
  expect([outcome, told]).toEqual(["succeeded", { "/home/dev/shop": "p1", "/home/dev/shop-two": "p1" }]);
  expect(Object.keys((await treeOf(root)) ?? {})).not.toContain("projects.json");
});
