import { linkSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { rename } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { measureTree, removePath, type TreeSize, walkTree } from "../../src/files/folder.ts";
import { nodeFiles } from "../../src/files/node-files.ts";
import { temporaryFolder } from "../workspace/bench.ts";
import { layDeep, layTree, sizeOf, trees } from "./trees.ts";

const MIB = 1024 ** 2;
const files = nodeFiles();

async function measured(path: string, enough?: TreeSize): Promise<TreeSize> {
  const folder = await files.open(path);
  try {
    return await measureTree(folder, enough === undefined ? {} : { enough });
  } finally {
    await folder.close();
  }
}

describe("the size of a tree", () => {
  test("counts everything with a name, in closed folders too, and follows no link", async () => {
    const [home, outside] = [await temporaryFolder(), await temporaryFolder()];
    writeFileSync(join(outside, "large"), Buffer.alloc(MIB));
    await fc.assert(
      fc.asyncProperty(trees(outside), fc.boolean(), async (tree, closed) => {
        layTree(join(home, "tree"), tree, closed);
        const size = await measured(home);
        expect(size.files).toBe(sizeOf(tree) + 1);
        expect(size.bytes).toBeLessThan(MIB);
        await removePath(files, join(home, "tree"));
      }),
      { numRuns: 40 },
    );
  });

  test("is what the disk gave: a hole is nothing, a small file a block, a second name nothing more", async () => {
    const home = await temporaryFolder();
    writeFileSync(join(home, "hole"), "");
    truncateSync(join(home, "hole"), 1024 ** 4);
    expect(await measured(home)).toEqual({ bytes: 0, files: 1 });
    writeFileSync(join(home, "large"), Buffer.alloc(MIB));
    linkSync(join(home, "large"), join(home, "again"));
    symlinkSync("large", join(home, "link"));
    expect(await measured(home)).toEqual({ bytes: MIB, files: 4 });
    writeFileSync(join(home, "small"), "x");
    expect((await measured(home)).bytes).toBeGreaterThan(MIB + 1);
  });

  test("is found below a path that is longer than any path may be", async () => {
    const home = await temporaryFolder();
    layDeep(join(home, "tree"), 300, "x".repeat(3 * MIB));
    mkdirSync(join(home, "tree", "beside"));
    expect(await measured(home)).toEqual({ bytes: 3 * MIB, files: 303 });
    await removePath(files, join(home, "tree"));
  });

  test("stops looking where it is more than enough", async () => {
    const home = await temporaryFolder();
    for (let at = 0; at < 50; at += 1) writeFileSync(join(home, String(at)), "");
    expect((await measured(home, { bytes: 0, files: 10 })).files).toBe(11);
  });
});

test("a walk goes on from the top when the folder it is in is moved away meanwhile", async () => {
  const home = await temporaryFolder();
  layTree(join(home, "tree"), { a: { b: { c: { d: "deep" } }, e: "" }, f: { g: "" } });
  mkdirSync(join(home, "elsewhere"));
  const root = await files.open(join(home, "tree"));
  const seen: string[] = [];
  for await (const { entry } of walkTree(root)) {
    seen.push(entry.name);
    if (entry.name === "d") await rename(join(home, "tree", "a", "b"), join(home, "elsewhere", "b"));
  }
  await root.close();
  expect(seen).toEqual(expect.arrayContaining(["a", "b", "c", "d", "f", "g"]));
});
