import { appendFile, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { systemClock } from "../../src/durable/system.ts";
import { nodeFiles } from "../../src/files/node-files.ts";
import { inspectGenerations } from "../../src/memory-files/check-root.ts";
import { diligent, phase2World, session } from "../engine/phase2-world.ts";

test("an agent is told which files a person edited since the last run, and only then", async () => {
  const { open, root } = await phase2World();
  const prompts: string[] = [];
  const { store, engine } = open(async (work) => {
    prompts.push(work.prompt);
    return diligent(work);
  });
  await store.memories.upsert("global", [session(1)]);
  await (await engine.start()).result;
  await writeFile(join(root, "MEMORY.md"), `${await readFile(join(root, "MEMORY.md"), "utf8")}- mine\n`);
  await store.memories.upsert("global", [session(2)]);
  await (await engine.start()).result;
  await store.memories.upsert("global", [session(3)]);
  await (await engine.start()).result;
  const told = prompts.map((prompt) =>
    /changed by hand[\s\S]*Edited by hand \(1\):\n- "MEMORY\.md"/.test(prompt),
  );
  expect(told).toEqual([false, true, false]);
});

test("a line that a person writes while the agent works on the same file stands in what is published", async () => {
  const { open, root } = await phase2World();
  let isSecond = false;
  const { store, engine } = open(async (work) => {
    if (isSecond) await appendFile(join(root, "MEMORY.md"), "- mine\n");
    return diligent(work);
  });
  await store.memories.upsert("global", [session(1)]);
  await (await engine.start()).result;
  isSecond = true;
  await store.memories.upsert("global", [session(2)]);
  const result = await (await engine.start()).result;
  const [published, edited] = await store.generations.list("global", 9);
  expect([published?.kind, edited?.kind]).toEqual(["published", "edited"]);
  expect(result.findings.filter(({ code }) => code === "edited_while_running")).toEqual([]);
  const text = await readFile(join(root, "MEMORY.md"), "utf8");
  expect(text.split("\n").filter((line) => line === "- mine")).toEqual(["- mine"]);
  expect(published?.handEdits).toEqual({
    "MEMORY.md": [{ line: text.split("\n").indexOf("- mine"), lines: 1, replaced: [] }],
  });
});

test("every blob is hashed again: a changed or missing one is named, and so is an edited folder", async () => {
  const { open, root, home, shared } = await phase2World();
  const { store, engine } = open();
  await store.memories.upsert("global", [session(1)]);
  const { generation } = await (await engine.start()).result;
  const homeId = (await readFile(join(home, "home-id"), "utf8")).trim();
  const look = (budgetMs: number | null) =>
    inspectGenerations(
      { generations: store.generations, files: nodeFiles(), clock: systemClock },
      { space: "global", root, homeId, budgetMs },
    );
  const none = { added: [], modified: [], deleted: [] };
  expect(await look(null)).toEqual({ generations: 1, blobs: 4, left: 0, damaged: [], edits: none });
  expect(await look(-1)).toMatchObject({ blobs: 0, left: 4, damaged: [] });
  const manifest = (await store.generations.manifest(generation ?? "")) ?? [];
  const [one, two] = manifest;
  shared.blobs.set(one?.hash ?? "", Buffer.from("other"));
  shared.blobs.delete(two?.hash ?? "");
  await rm(join(root, "raw_memories.md"));
  expect(await look(null)).toMatchObject({
    damaged: [`${generation}: ${one?.path}`, `${generation}: ${two?.path}`],
    edits: { ...none, deleted: ["raw_memories.md"] },
  });
});

test("a person's line outlives an agent that drops it, and a line they took away does not come back", async () => {
  const { open, root } = await phase2World();
  const { store, engine } = open(diligent);
  await store.memories.upsert("global", [session(1)]);
  await (await engine.start()).result;
  const before = await readFile(join(root, "MEMORY.md"), "utf8");
  const bullet = before.split("\n").findLast((line) => line.startsWith("- ")) ?? "";
  await writeFile(join(root, "MEMORY.md"), before.replace(bullet, "- in my words"));
  for (const number of [2, 3]) {
    await store.memories.upsert("global", [session(number)]);
    expect((await (await engine.start()).result).status).toBe("succeeded");
    const lines = (await readFile(join(root, "MEMORY.md"), "utf8")).split("\n");
    expect({ mine: lines.filter((line) => line === "- in my words"), old: lines.includes(bullet) }).toEqual({
      mine: ["- in my words"],
      old: false,
    });
  }
});

test("a person who deletes the heading of a group, and a file of the host, is told that both are there again", async () => {
  const { open, root } = await phase2World();
  const { store, engine } = open(diligent);
  await store.memories.upsert("global", [session(1)]);
  await (await engine.start()).result;
  const before = await readFile(join(root, "MEMORY.md"), "utf8");
  await writeFile(join(root, "MEMORY.md"), before.replace("# Task Group: shop\n", ""));
  await rm(join(root, "raw_memories.md"));
  await store.memories.upsert("global", [session(2)]);
  const { status, findings } = await (await engine.start()).result;
  const undone = findings.filter(({ code }) => code === "edit_undone");
  expect({ status, undone: undone.map(({ path, message }) => `${path}: ${message}`) }).toEqual({
    status: "succeeded",
    undone: [
      'MEMORY.md: A line that was taken out of MEMORY.md by hand is there again, since what stands below or beside needs it: "# Task Group: shop". Take that out, too, or forget a session with `slowwave purge`.',
      "raw_memories.md: raw_memories.md was deleted by hand and is there again: it is made from the notes of the sessions; `slowwave purge` forgets one.",
    ],
  });
  await store.memories.upsert("global", [session(3)]);
  const later = await (await engine.start()).result;
  expect(later.findings.filter(({ code }) => code === "edit_undone")).toEqual([]);
});

test("what a person took away is in hand_edits.diff word for word, in later runs as well", async () => {
  const { open, root } = await phase2World();
  const diffs: string[] = [];
  const { store, engine } = open(async (work) => {
    const diff = await readFile(join(work.workspace, "hand_edits.diff"), "utf8").catch(() => "");
    diffs.push(
      diff
        .split("\n")
        .filter((line) => /^-(?!--)/.test(line))
        .join("\n"),
    );
    return diligent(work);
  });
  for (const number of [1, 2, 3]) {
    await store.memories.upsert("global", [session(number)]);
    await (await engine.start()).result;
    const text = await readFile(join(root, "MEMORY.md"), "utf8");
    if (number === 1)
      await writeFile(join(root, "MEMORY.md"), text.replace("- keep it short [Task 1]\n", ""));
  }
  expect(diffs).toEqual(["", "-- keep it short [Task 1]", "-- keep it short [Task 1]"]);
});
