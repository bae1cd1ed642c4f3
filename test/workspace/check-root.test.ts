import { mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Files } from "../../src/files/folder.ts";
import { nodeFiles } from "../../src/files/node-files.ts";
import { checkRoot } from "../../src/memory-files/check-root.ts";
import { defaultRoot, spaceFolder } from "../../src/memory-files/memory-path.ts";
import { change, desk, HOME_ID, memory, temporaryFolder, tree } from "./bench.ts";
import { frailFiles } from "./frail-files.ts";

const check = (root: string, files: Files = nodeFiles()) =>
  checkRoot({ root, homeId: HOME_ID, space: "global", files });

const mark = (home: string, space: string) => JSON.stringify({ home, space });

describe("a memory root that can be used", () => {
  test.each([
    ["is missing", async () => {}, "empty"],
    ["is empty", (root: string) => mkdir(root), "empty"],
    ["holds version control only", (root: string) => change(root, { ".git/HEAD": "x" }), "empty"],
    ["bears our mark", (root: string) => change(root, { ".slowwave": mark(HOME_ID, "global") }), "ours"],
    [
      "holds a memory without a mark",
      (root: string) => change(root, { "MEMORY.md": "x", "skills/a/b": "y" }),
      "adoptable",
    ],
    [
      "bears our mark beside strangers' files",
      (root: string) =>
        change(root, {
          ".slowwave": mark(HOME_ID, "global"),
          "x.txt": "",
          "skills/.obsidian/a": "",
          ".stfolder/b": "",
        }),
      "ours",
    ],
    ["holds only a broken-off publish", (root: string) => change(root, { ".slowwave-1": "x" }), "empty"],
  ])("%s", async (_, make, state) => {
    const root = join(await temporaryFolder(), "memories");
    await make(root);
    const files = frailFiles();
    expect(await check(root, files)).toBe(state);
    expect(files.done).toEqual([]);
  });

  test("below a symlinked folder is fine: only the root itself must not be one", async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, "real"));
    await symlink(join(folder, "real"), join(folder, "alias"));
    expect(await check(join(folder, "alias", "memories"))).toBe("empty");
  });
});

describe("a memory root that is refused, with a sentence, and untouched", () => {
  const hint = "use another folder with --memory-root";
  test.each([
    [
      "a symlink to a folder",
      (root: string) => symlink("/tmp", root),
      "root_symlink",
      "name the folder it leads to instead",
    ],
    ["a dangling symlink", (root: string) => symlink("/nowhere", root), "root_symlink", "name the folder"],
    ["a file", (root: string) => writeFile(root, "x"), "root_not_a_folder", hint],
    [
      "another home's",
      (root: string) => change(root, { ".slowwave": mark("other", "global") }),
      "root_other_home",
      "use that home",
    ],
    [
      "another space's",
      (root: string) => change(root, { ".slowwave": mark(HOME_ID, "team") }),
      "root_other_space",
      'belongs to the space "team"',
    ],
    [
      "marked by something else",
      (root: string) => change(root, { ".slowwave": "hello" }),
      "root_mark_invalid",
      "move it away",
    ],
    [
      "marked by null",
      (root: string) => change(root, { ".slowwave": "null" }),
      "root_mark_invalid",
      "move it away",
    ],
    [
      "a home folder",
      (root: string) => change(root, { "a.txt": "", "b.txt": "", "c.txt": "", "d.txt": "" }),
      "root_foreign_content",
      "a.txt (not part of a memory), b.txt (not part of a memory), c.txt (not part of a memory) and 1 more",
    ],
    [
      "ours, with a symlink for the handbook",
      async (root: string) => {
        await change(root, { ".slowwave": mark(HOME_ID, "global") });
        await symlink("/nowhere", join(root, "MEMORY.md"));
      },
      "root_symlink",
      "put what it leads to in its place",
    ],
    [
      "ours, with a folder for the handbook",
      (root: string) => change(root, { ".slowwave": mark(HOME_ID, "global"), "MEMORY.md/x": "" }),
      "root_foreign_content",
      "Nothing was touched",
    ],
    [
      "a folder with a name that steers terminals",
      (root: string) => change(root, { "\u001b[31mx": "" }),
      "root_foreign_content",
      "\ufffd[31mx (a name a memory cannot keep)",
    ],
  ])("%s", async (_, make, code, sentence) => {
    const folder = await temporaryFolder();
    const root = join(folder, "memories");
    await make(root);
    const before = await tree(folder);
    await expect(check(root)).rejects.toMatchObject({ code, message: expect.stringContaining(sentence) });
    expect(await tree(folder)).toEqual(before);
  });

  test("a mark that is a symlink", async () => {
    const folder = await temporaryFolder();
    const root = join(folder, "memories");
    await change(folder, { elsewhere: mark(HOME_ID, "global"), "memories/MEMORY.md": "x" });
    await symlink(join(folder, "elsewhere"), join(root, ".slowwave"));
    await expect(check(root)).rejects.toMatchObject({ code: "root_mark_invalid" });
  });

  test.each(["EACCES", "EROFS"])("one that can't be written (%s), existing or to be made", async (code) => {
    const folder = await temporaryFolder();
    const asked: string[] = [];
    const files: Files = {
      ...nodeFiles(),
      assertWritable: (path) => {
        asked.push(path);
        return Promise.reject(Object.assign(new Error(code), { code }));
      },
    };
    await expect(check(folder, files)).rejects.toMatchObject({ code: "root_read_only", cause: { code } });
    await expect(check(join(folder, "a/b/c"), files)).rejects.toMatchObject({ code: "root_read_only" });
    expect(asked).toEqual([folder, folder]);
  });
});

test("after the first publish the root is ours", async () => {
  const d = await desk();
  await (await d.begin("r1", [memory("a")])).complete();
  expect(await check(d.root)).toBe("ours");
  expect((await readdir(d.root)).filter((name) => name.startsWith("."))).toEqual([".slowwave"]);
});

describe("the folder of a space", () => {
  test("global has the root at the top, every other space its own folder", () => {
    expect(defaultRoot("/h", "global")).toBe("/h/memories");
    expect(defaultRoot("/h", "team-1")).toBe("/h/spaces/team-1/memories");
  });

  test.each([
    ["team.a", "team.a"],
    ["Team", "%54eam"],
    ["..", "%2e%2e"],
    [".hidden", "%2ehidden"],
    ["a/../../b", "a%2f..%2f..%2fb"],
    ["%2e", "%252e"],
    ["日", "%e6%97%a5"],
    ["a b\n", "a%20b%0a"],
  ])("%j → %s", (key, folder) => expect(spaceFolder(key)).toBe(folder));

  test("no two keys share one, however long or alike, and none can leave the folder", () => {
    const long = "x".repeat(150);
    const keys = [
      "a",
      "A",
      "e\u0301",
      "\u00e9",
      "ß",
      "ss",
      long,
      `${long}y`,
      `${long}Y`,
      "a/b",
      "a\\b",
      "~",
      "con",
    ];
    const folders = keys.map(spaceFolder);
    expect(new Set(folders.map((name) => name.normalize("NFKC").toLowerCase())).size).toBe(keys.length);
    for (const name of folders) {
      expect(name).toMatch(/^[a-z0-9_%~-][a-z0-9_%~.-]*$/);
      expect(name.length).toBeLessThanOrEqual(120);
    }
  });

  test.each(["", "a\ud800"])("%j is no key", (key) => {
    expect(() => spaceFolder(key)).toThrow("space key");
  });
});
