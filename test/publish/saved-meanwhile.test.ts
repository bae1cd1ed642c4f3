import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Files, Folder } from "../../src/files/folder.ts";
import { change, desk, HANDBOOK, memory, tree } from "../workspace/bench.ts";
import { swiftFiles } from "../workspace/frail-files.ts";

/** The real files; `moment` is told of each reading and writing of a name in a folder, ahead of a writing and after a reading. */
function watched(moment: (deed: "read" | "create" | "rename", path: string) => void): Files {
  const files = swiftFiles();
  const wrap = (folder: Folder): Folder => ({
    ...folder,
    enter: async (name) => wrap(await folder.enter(name)),
    read: async (name, limit) => {
      const read = await folder.read(name, limit);
      moment("read", `${folder.path}/${name}`);
      return read;
    },
    create: async (name, content, options) => {
      moment("create", `${folder.path}/${name}`);
      await folder.create(name, content, options);
    },
    rename: async (from, to) => {
      await folder.rename(from, to);
      moment("rename", `${folder.path}/${to}`);
    },
  });
  return { ...files, open: async (path) => wrap(await files.open(path)) };
}

/** A second run that is about to publish a new handbook. */
async function ready() {
  const d = await desk();
  await (await d.begin("r1", [memory("a")])).complete({ ...HANDBOOK, "skills/mine/SKILL.md": "1\n" });
  const run = await d.begin("r2", [memory("a"), memory("b")]);
  const base = await run.sync();
  await run.agent({ "MEMORY.md": "# Task Group: agent\n" });
  await run.verify(base);
  return { ...d, run, base };
}

test("a file that is saved again and again while it is looked at is published as it was saved last", async () => {
  const { run, base, root, store } = await ready();
  const file = join(root, "skills/mine/SKILL.md");
  await change(root, { "skills/mine/SKILL.md": "saved 0\n" });
  let saves = 0;
  const files = watched((deed, path) => {
    if (deed !== "read" || path !== file || saves === 5) return;
    saves += 1;
    writeFileSync(file, `saved ${saves}\n`);
  });
  expect(await run.again({ files }).publish(base)).toEqual({
    kind: "published",
    generation: "r2-published",
  });
  expect([saves, (await tree(root))?.["skills/mine/SKILL.md"]]).toEqual([5, "saved 5\n"]);
  const [published, kept] = await store.generations.list("global", 2);
  expect([published?.kind, kept?.kind]).toEqual(["published", "edited"]);
});

test("a file that is saved while its successor is being written beside it keeps the person's words", async () => {
  const { run, base, root, begin } = await ready();
  const file = join(root, "MEMORY.md");
  let isLookedAt = false;
  let isSaved = false;
  let isCommitted = false;
  const files = watched((deed, path) => {
    // What stands in the root changes only after the commit, summaries first.
    if (deed === "rename" && path === join(root, "raw_memories.md")) isCommitted = true;
    if (isCommitted && deed === "read" && path === file) isLookedAt = true;
    if (!isLookedAt || isSaved || deed !== "create" || !path.startsWith(`${root}/.slowwave-`)) return;
    isSaved = true;
    writeFileSync(file, "# Task Group: release\n- a person's words\n");
  });
  expect((await run.again({ files }).publish(base)).kind).toBe("published");
  expect([isSaved, (await tree(root))?.["MEMORY.md"]]).toEqual([
    true,
    "# Task Group: release\n- a person's words\n",
  ]);
  await run.end();
  // And the next run finds it as an edit.
  const next = await begin("r3", [memory("a")]);
  expect((await next.summaries()).base).toMatch(/^r3-edited-/);
});
