import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { removePath, removeTree } from "../../src/files/folder.ts";
import { nodeFiles } from "../../src/files/node-files.ts";
import { temporaryFolder } from "../workspace/bench.ts";
import { layDeep, layTree, trees } from "./trees.ts";

const HAS_PROC = existsSync("/proc/self/fd");

describe.each([
  ["held open", true],
  ["found by name", false],
])("removing a tree with folders %s", (_, anchored) => {
  const files = nodeFiles({ anchored });

  test("leaves nothing of any tree, and everything around it and behind its links", async () => {
    const [home, outside] = [await temporaryFolder(), await temporaryFolder()];
    writeFileSync(join(outside, "mine"), "mine");
    await fc.assert(
      fc.asyncProperty(trees(outside), fc.boolean(), async (tree, closed) => {
        layTree(join(home, "tree"), tree, closed);
        writeFileSync(join(home, "beside"), "");
        await removePath(files, join(home, "tree"));
        expect(readdirSync(home)).toEqual(["beside"]);
        expect(readFileSync(join(outside, "mine"), "utf8")).toBe("mine");
      }),
      { numRuns: 40 },
    );
  });

  test("takes a link, a file and nothing for what they are", async () => {
    const [home, outside] = [await temporaryFolder(), await temporaryFolder()];
    writeFileSync(join(outside, "mine"), "mine");
    symlinkSync(outside, join(home, "link"));
    writeFileSync(join(home, "file"), "");
    const folder = await files.open(home);
    for (const name of ["link", "file", "nothing"]) await removeTree(folder, name);
    await folder.close();
    await removePath(files, join(home, "no", "such", "place"));
    expect(readdirSync(home)).toEqual([]);
    expect(readdirSync(outside)).toEqual(["mine"]);
  });

  test("removes folders that lie deeper than any path is long", async () => {
    const home = await temporaryFolder();
    layDeep(join(home, "tree"), 300, "x");
    await removePath(files, join(home, "tree"));
    expect(readdirSync(home)).toEqual([]);
  });
});

test.runIf(HAS_PROC)(
  "a folder that is swapped for a symlink all the time leads to no removal outside",
  async () => {
    const home = await temporaryFolder();
    const outside = join(home, "outside");
    const names = Array.from({ length: 20 }, (_, at) => `s${at}`);
    const lay = (folder: string) => {
      for (const name of names) {
        mkdirSync(join(folder, name), { recursive: true });
        writeFileSync(join(folder, name, "SKILL.md"), "mine");
      }
    };
    lay(outside);
    const child = spawn(
      process.execPath,
      [fileURLToPath(new URL("swapper.child.ts", import.meta.url)), home],
      {
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    onTestFinished(() => void child.kill("SIGKILL"));
    await once(child.stdout, "data");
    const files = nodeFiles();
    for (let attempt = 0; attempt < 60; attempt += 1) {
      child.kill("SIGSTOP");
      for (const name of ["real", "link", "run"]) rmSync(join(home, name), { recursive: true, force: true });
      symlinkSync(outside, join(home, "link"));
      lay(join(home, "run", "workspace", "skills"));
      child.kill("SIGCONT");
      await new Promise((resolve) => setTimeout(resolve, attempt % 5));
      await removePath(files, join(home, "run"));
    }
    child.kill("SIGKILL");
    expect(names.filter((name) => existsSync(join(outside, name, "SKILL.md")))).toEqual(names);
  },
);
