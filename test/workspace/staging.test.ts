import { chmod, link, mkdir, readdir, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { removeTree } from "../../src/files/folder.ts";
import { nodeFiles } from "../../src/files/node-files.ts";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";
import { syncSummaries } from "../../src/services/sync-inputs.ts";
import { answerOf, change, desk, HANDBOOK, memory, temporaryFolder, tree } from "./bench.ts";
import { frailFiles } from "./frail-files.ts";

describe("the workspace of a run", () => {
  test("holds the base, this run's summaries and raw memories, and nothing else", async () => {
    const d = await desk();
    await (await d.begin("r1", [memory("a"), memory("b")])).complete({
      ...HANDBOOK,
      "skills/s/SKILL.md": "s",
    });
    const run = await d.begin("r2", [memory("b"), memory("c")]);
    await run.sync();
    const files = (await tree(run.workspace)) ?? {};
    const summaries = Object.keys(files).filter((path) => path.startsWith("rollout_summaries/"));
    expect(summaries.map((path) => files[path]?.split("\n")[0]).sort()).toEqual([
      "thread_id: b",
      "thread_id: c",
    ]);
    expect(Object.keys(files).filter((path) => !summaries.includes(path))).toEqual([
      "MEMORY.md",
      "memory_summary.md",
      "raw_memories.md",
      "skills/s/SKILL.md",
    ]);
    expect(files["raw_memories.md"]).toContain(`rollout_summary_file: ${summaries[0]?.split("/")[1]}`);
  });

  test("is private, and so is what is beside it", async () => {
    const d = await desk();
    const run = await d.begin("r1", [memory("a")]);
    await run.sync();
    const paths = ["staging", "staging/r1", "staging/r1/workspace", "staging/r1/workspace/raw_memories.md"];
    const modes = await Promise.all(paths.map(async (path) => (await stat(join(d.home, path))).mode & 0o777));
    expect(modes).toEqual([0o700, 0o700, 0o700, 0o600]);
  });

  test("is laid anew however an earlier agent left it, and what is beside it stays", async () => {
    const d = await desk();
    await change(d.home, { "outside/precious.md": "precious" });
    const run = await d.begin("r1", [memory("a")]);
    await run.sync();
    const fresh = await tree(run.workspace);
    await run.agent({ ...HANDBOOK, "deep/er/file": "x", "raw_memories.md": null });
    await mkdir(join(run.workspace, "raw_memories.md"));
    await symlink(join(d.home, "outside"), join(run.workspace, "skills"));
    await link(join(d.home, "outside/precious.md"), join(run.workspace, "hard.md"));
    await chmod(join(run.workspace, "deep/er"), 0);
    await writeFile(join(d.home, "staging/r1/agent.json"), "record");
    await run.sync();
    expect(await tree(run.workspace)).toEqual(fresh);
    expect(await tree(join(d.home, "outside"))).toEqual({ "precious.md": "precious" });
    expect(await readdir(join(d.home, "staging/r1"))).toEqual(["agent.json", "prepared-by", "workspace"]);
  });

  test("replaces a symlink in its place, and leaves alone what that led to", async () => {
    const d = await desk();
    await change(d.home, { "outside/precious.md": "precious" });
    await mkdir(join(d.home, "staging/r1"), { recursive: true });
    await symlink(join(d.home, "outside"), join(d.home, "staging/r1/workspace"));
    const run = await d.begin("r1", [memory("a")]);
    await run.sync();
    expect((await stat(run.workspace)).isDirectory()).toBe(true);
    expect(await tree(join(d.home, "outside"))).toEqual({ "precious.md": "precious" });
  });

  test("a replay after any broken-off step is the same workspace", async () => {
    const d = await desk();
    await (await d.begin("r1", [memory("a")])).complete();
    const run = await d.begin("r2", [memory("a"), memory("b")]);
    const counted = frailFiles();
    const base = await run.again({ files: counted }).sync();
    const whole = await tree(run.workspace);
    for (let n = 1; n <= counted.done.length; n += 1) {
      const full = () => {
        throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
      };
      const files = frailFiles((at) => at >= n && full(), true);
      await expect(run.again({ files }).sync()).rejects.toThrow("ENOSPC");
      expect(await run.sync()).toBe(base);
      expect(await tree(run.workspace)).toEqual(whole);
    }
  });

  test("a text of nothing but surrogates and NUL survives as bytes, and the run goes on", async () => {
    const d = await desk();
    const run = await d.begin("r1", [memory("a", { rawMemory: "\ud800", rolloutSummary: "\0\udfff" })]);
    expect(await run.complete()).toBe("r1-published");
  });

  test("a base whose bytes the store has lost is a named error, not a hole in the memory", async () => {
    const d = await desk();
    await (await d.begin("r1", [memory("a")])).complete();
    const run = await d.begin("r2", [memory("a")]);
    const store = { ...d.store, generations: { ...d.store.generations, blob: async () => null } };
    await expect(
      answerOf(syncSummaries({ ...run.deps, store }), { run: "r2", space: "global" }),
    ).rejects.toMatchObject({ code: "blob_damaged" });
  });
});

describe("unchanged", () => {
  test.each([
    ["the same inputs", async () => {}, [memory("a")], true],
    ["a new input", async () => {}, [memory("a"), memory("b")], false],
    ["one input fewer", async () => {}, [], false],
    ["a newer text", async () => {}, [memory("a", { rawMemory: "other" })], false],
    [
      "a memory the gate wouldn't let through today",
      (root: string) => change(root, { "memory_summary.md": "v0" }),
      [memory("a")],
      false,
    ],
  ] as const)("%s: %s", async (_, edit, inputs, unchanged) => {
    const d = await desk();
    await (await d.begin("r1", [memory("a")])).complete();
    await edit(d.root);
    const run = await d.begin("r2", inputs);
    expect(await run.rawMemories((await run.summaries()).base)).toEqual({ unchanged });
  });

  test("never on the first run, nor when the root was changed between the two steps", async () => {
    const d = await desk();
    const first = await d.begin("r1", [memory("a")]);
    expect(await first.rawMemories((await first.summaries()).base)).toEqual({ unchanged: false });
    await first.complete();
    const run = await d.begin("r2", [memory("a")]);
    const { base } = await run.summaries();
    await change(d.root, { "MEMORY.md": "# Person\n" });
    expect(await run.rawMemories(base)).toEqual({ unchanged: false });
  });

  test("the same on a real database", async () => {
    const store = await openSqliteStore({ path: join(await temporaryFolder(), "slowwave.db") });
    try {
      const d = await desk({ store });
      await (await d.begin("r1", [memory("a")])).complete();
      const run = await d.begin("r2", [memory("a")]);
      expect(await run.rawMemories((await run.summaries()).base)).toEqual({ unchanged: true });
    } finally {
      await store.close();
    }
  });
});

describe("removing a tree", () => {
  test("takes links and pipes away, not what they lead to; nothing there is fine", async () => {
    const folder = await temporaryFolder();
    await change(folder, { "a/b/c": "x", "kept/file": "kept" });
    await symlink(join(folder, "kept"), join(folder, "a/b/folder"));
    await symlink(join(folder, "kept/file"), join(folder, "a/file"));
    const at = await nodeFiles().open(folder);
    await removeTree(at, "a");
    await removeTree(at, "never");
    await at.close();
    expect(await tree(folder)).toEqual({ "kept/file": "kept" });
  });

  test("a name that could leave the folder is refused before anything happens", async () => {
    const at = await nodeFiles().open(await temporaryFolder());
    for (const name of ["..", ".", "", "a/b", "a\0b"]) {
      await expect(removeTree(at, name)).rejects.toThrow("Not a file name");
    }
    await at.close();
  });
});
