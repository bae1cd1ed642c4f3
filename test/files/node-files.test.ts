import { execFileSync } from "node:child_process";
import { readdir, readFile, rename, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Folder } from "../../src/files/folder.ts";
import { nodeFiles } from "../../src/files/node-files.ts";
import { change, temporaryFolder } from "../workspace/bench.ts";

const bytes = (text: string) => Buffer.from(text);
const LIMIT = 1_000;

describe.each([
  ["held open", true],
  ["found by name", false],
])("files with folders %s", (_, anchored) => {
  const files = nodeFiles({ anchored });

  async function inFolder(use: (folder: Folder, path: string) => Promise<void>): Promise<void> {
    const path = await temporaryFolder();
    const folder = await files.open(path);
    try {
      await use(folder, path);
    } finally {
      await folder.close();
    }
  }

  test("reading tells what is there, and never follows or waits", () =>
    inFolder(async (folder, path) => {
      await change(path, { file: "text", empty: "", large: "x".repeat(LIMIT + 1), "folder/x": "" });
      await symlink(join(path, "file"), join(path, "link"));
      execFileSync("mkfifo", [join(path, "pipe")]);
      const kinds = ["file", "empty", "large", "folder", "link", "pipe", "nothing"].map(async (name) => {
        const read = await folder.read(name, LIMIT);
        return read.kind === "file" ? Buffer.from(read.content).toString() : read.kind;
      });
      expect(await Promise.all(kinds)).toEqual([
        "text",
        "",
        "too-large",
        "not-a-file",
        "not-a-file",
        "not-a-file",
        "missing",
      ]);
      expect((await folder.list()).map(({ name, kind }) => `${name} ${kind}`).sort()).toEqual([
        "empty file",
        "file file",
        "folder folder",
        "large file",
        "link symlink",
        "pipe special",
      ]);
    }));

  test("creating never replaces and never follows; renaming replaces a link itself", () =>
    inFolder(async (folder, path) => {
      await change(path, { target: "mine" });
      await symlink(join(path, "target"), join(path, "link"));
      for (const name of ["target", "link"]) {
        await expect(folder.create(name, bytes("new"))).rejects.toMatchObject({ code: "EEXIST" });
      }
      await folder.create("new", bytes("new"), { mode: 0o640, sync: true });
      expect((await stat(join(path, "new"))).mode & 0o777).toBe(0o640);
      await folder.rename("new", "link");
      await folder.sync();
      expect((await folder.facts("link"))?.kind).toBe("file");
      expect(await readFile(join(path, "target"), "utf8")).toBe("mine");
    }));

  test("entering goes into folders only, and into no symlink", () =>
    inFolder(async (folder, path) => {
      await change(path, { "real/x": "x", file: "" });
      await symlink(join(path, "real"), join(path, "link"));
      const real = await folder.enter("real");
      expect((await real.list()).map(({ name }) => name)).toEqual(["x"]);
      await real.close();
      for (const name of ["link", "file"]) {
        await expect(folder.enter(name)).rejects.toMatchObject({
          code: expect.stringMatching(/ENOTDIR|ELOOP/),
        });
      }
      await expect(folder.enter("nothing")).rejects.toMatchObject({ code: "ENOENT" });
    }));

  test("errors name the path a person knows", () =>
    inFolder(async (folder, path) => {
      await change(path, { "a/b": "" });
      const inner = await folder.enter("a");
      await expect(inner.makeFolder("b")).rejects.toThrow(`EEXIST: file already exists, mkdir '${path}/a/b'`);
      await inner.close();
    }));

  test("a write after the folder was swapped for a symlink doesn't arrive behind it", async () => {
    const [path, outside] = [await temporaryFolder(), await temporaryFolder()];
    await change(path, { "skills/x": "x" });
    const folder = await files.open(join(path, "skills"));
    await rename(join(path, "skills"), join(path, "away"));
    await symlink(outside, join(path, "skills"));
    const attempt = await folder.create("planted", bytes("x")).then(
      () => "written",
      (error: { code?: string }) => error.code,
    );
    await folder.close();
    expect(await readdir(outside)).toEqual([]);
    expect(attempt).toBe(anchored ? "written" : "ELOOP");
  });

  test("removing is content when nothing is there, and says whether a folder went", () =>
    inFolder(async (folder, path) => {
      await folder.remove("nothing");
      await change(path, { "full/x": "x" });
      await folder.makeFolder("empty");
      expect([await folder.removeFolder("full"), await folder.removeFolder("empty")]).toEqual([false, true]);
      await writeFile(join(path, "file"), "");
      await folder.remove("file");
      expect((await folder.list()).map(({ name }) => name)).toEqual(["full"]);
    }));
});
