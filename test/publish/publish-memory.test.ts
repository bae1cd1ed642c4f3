import { chmod, link, mkdir, mkdtemp, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { withRootLock } from "../../src/memory-files/root-lock.ts";
import { change, desk, HANDBOOK, memory, tree } from "../workspace/bench.ts";
import { frailFiles } from "../workspace/frail-files.ts";
import { otherFileSystem } from "./elsewhere.ts";

/** The generations of the space, newest first, without their times. */
async function generations({ store }: Awaited<ReturnType<typeof desk>>) {
  return (await store.generations.list("global", 100)).map(({ id, parent, kind, run }) => ({
    id: id.replace(/-[0-9a-f]{8}$/, "-*"),
    parent: parent?.replace(/-[0-9a-f]{8}$/, "-*") ?? null,
    kind,
    run,
  }));
}

/** What a generation holds, read back from the store. */
async function stored({ store }: Awaited<ReturnType<typeof desk>>, id: string) {
  const manifest = (await store.generations.manifest(id)) ?? [];
  const texts = manifest.map(async ({ path, hash }) => [
    path,
    Buffer.from((await store.generations.blob(hash)) ?? []).toString(),
  ]);
  return Object.fromEntries(await Promise.all(texts));
}

const nameOf = (files: Record<string, string> | null, thread: string) =>
  Object.keys(files ?? {}).find((path) => files?.[path]?.startsWith(`thread_id: ${thread}\n`)) ?? "";

describe("a run from start to publish", () => {
  test("fills an empty root with the host's and the agent's files, as one generation", async () => {
    const d = await desk();
    const run = await d.begin("r1", [memory("a"), memory("b")]);
    expect(await run.complete()).toBe("r1-published");
    const files = await tree(d.root);
    expect(files).toEqual({
      ...HANDBOOK,
      "raw_memories.md": expect.stringContaining("## Thread `a`"),
      [nameOf(files, "a")]: expect.stringContaining("\nsummary of a\n"),
      [nameOf(files, "b")]: expect.stringContaining("\nsummary of b\n"),
    });
    expect(await stored(d, "r1-published")).toEqual(files);
    expect(await generations(d)).toEqual([
      { id: "r1-published", parent: null, kind: "published", run: "r1" },
    ]);
    expect(run.findings).toEqual([]);
  });

  test("makes the root and everything in it private, and marks it", async () => {
    const d = await desk();
    await (await d.begin("r1", [memory("a")])).complete();
    const modes = [".", "rollout_summaries", "MEMORY.md", ".slowwave"].map(
      async (name) => (await stat(join(d.root, name))).mode & 0o777,
    );
    expect(await Promise.all(modes)).toEqual([0o700, 0o700, 0o600, 0o600]);
  });

  test("replaces what changed, removes what lost its input, keeps everything else untouched", async () => {
    const d = await desk();
    await (await d.begin("r1", [memory("a"), memory("b")])).complete({
      ...HANDBOOK,
      "skills/old/SKILL.md": "old",
      "skills/kept/SKILL.md": "kept",
    });
    const before = await tree(d.root);
    const files = frailFiles();
    const run = (await d.begin("r2", [memory("c"), memory("b")])).again({ files });
    const base = await run.sync();
    expect(base).toBe("r1-published");
    await run.agent({ "MEMORY.md": "# New\n", "skills/old": null, "skills/new/run.sh": "true" });
    expect(await run.verify(base)).toEqual({ verdict: "passed", findings: 0, codes: [] });
    expect(await run.publish(base)).toEqual({ kind: "published", generation: "r2-published" });
    const after = await tree(d.root);
    const [a, c] = [nameOf(before, "a"), nameOf(after, "c")];
    expect(Object.keys(after ?? {})).toEqual(
      [
        "MEMORY.md",
        "memory_summary.md",
        "raw_memories.md",
        "skills/kept/SKILL.md",
        "skills/new/run.sh",
        nameOf(before, "b"),
        c,
      ].sort(),
    );
    const touched = files.done
      .filter(({ kind, path }) => kind !== "create" && path.startsWith(`${d.root}/`))
      .map(({ kind, path }) => `${kind} ${path.slice(d.root.length + 1)}`);
    expect(touched).toEqual([
      `rename ${c}`,
      "makeFolder skills/new",
      "rename skills/new/run.sh",
      "rename raw_memories.md",
      "rename MEMORY.md",
      "remove skills/old/SKILL.md",
      "removeFolder skills/old",
      // Tried only: `kept` is in it.
      "removeFolder skills",
      `remove ${a}`,
      // The mark names the generation when all of it is there.
      "rename .slowwave",
    ]);
    await expect(stat(join(d.root, "skills/old"))).rejects.toThrow("ENOENT");
  });

  test("a file may become a folder, and a folder a file", async () => {
    const d = await desk();
    const [one, two] = [
      { ...HANDBOOK, "skills/s/a": "file", "skills/s/b/c": "below" },
      { "skills/s/a": null, "skills/s/a/x": "now below", "skills/s/b": null },
    ];
    await (await d.begin("r1", [memory("a")])).complete(one);
    const run = await d.begin("r2", [memory("a")]);
    const base = await run.sync();
    await run.agent(two);
    await run.agent({ "skills/s/b": "now a file" });
    await run.verify(base);
    await run.publish(base);
    expect(await tree(join(d.root, "skills"))).toEqual({ "s/a/x": "now below", "s/b": "now a file" });
  });

  test("nothing changed: no generation, and nothing is written", async () => {
    const d = await desk();
    await (await d.begin("r1", [memory("a")])).complete();
    const files = frailFiles();
    const run = (await d.begin("r2", [memory("a")])).again({ files });
    expect(await run.complete({})).toBe("r1-published");
    expect(files.done.filter(({ path }) => path.startsWith(d.root))).toEqual([]);
    expect(await generations(d)).toHaveLength(1);
  });

  test("without input the memory is cleared, as a generation that can be taken back", async () => {
    const d = await desk();
    await (await d.begin("r1", [memory("a")])).complete({ ...HANDBOOK, "skills/s/SKILL.md": "s" });
    const before = await tree(d.root);
    const run = await d.begin("r2", []);
    const { base } = await run.summaries();
    expect(await run.rawMemories(base)).toEqual({ unchanged: false });
    expect(await run.publish(base)).toEqual({ kind: "published", generation: "r2-published" });
    expect(await tree(d.root)).toEqual({ "raw_memories.md": "# Raw Memories\n\nNo raw memories yet.\n" });
    expect(await stored(d, "r1-published")).toEqual(before);
  });

  test("what a person set on a file's permissions stays", async () => {
    const d = await desk();
    await (await d.begin("r1", [memory("a")])).complete();
    await chmod(join(d.root, "MEMORY.md"), 0o644);
    await (await d.begin("r2", [memory("a")])).complete({ "MEMORY.md": "# Other\n" });
    expect((await stat(join(d.root, "MEMORY.md"))).mode & 0o777).toBe(0o644);
  });
});

describe("what is published is what was verified", () => {
  test("a file changed after the gate is refused, and the root stays as it was", async () => {
    const d = await desk();
    await (await d.begin("r1", [memory("a")])).complete();
    const before = await tree(d.root);
    const run = await d.begin("r2", [memory("a")]);
    const base = await run.sync();
    await run.agent({ "MEMORY.md": "# Good\n" });
    await run.verify(base);
    await run.agent({ "MEMORY.md": "# Evil\n" });
    await expect(run.publish(base)).rejects.toMatchObject({ code: "content_changed" });
    expect(await tree(d.root)).toEqual(before);
    expect(await generations(d)).toHaveLength(1);
  });

  test("a file replaced by a symlink to the same bytes is refused", async () => {
    const d = await desk();
    const run = await d.begin("r1", [memory("a")]);
    const base = await run.sync();
    await run.agent(HANDBOOK);
    await run.verify(base);
    await writeFile(join(d.home, "outside"), HANDBOOK["MEMORY.md"]);
    await rm(join(run.workspace, "MEMORY.md"));
    await symlink(join(d.home, "outside"), join(run.workspace, "MEMORY.md"));
    await expect(run.publish(base)).rejects.toMatchObject({ code: "content_changed" });
    expect(await tree(d.root)).toBeNull();
  });

  test("what was added after the gate is not published", async () => {
    const d = await desk();
    const run = await d.begin("r1", [memory("a")]);
    const base = await run.sync();
    await run.agent(HANDBOOK);
    await run.verify(base);
    await run.agent({ "skills/late/SKILL.md": "late" });
    await run.publish(base);
    expect(Object.keys((await tree(d.root)) ?? {})).not.toContain("skills/late/SKILL.md");
  });

  test("without a record of the gate it judges again, and refuses what doesn't pass", async () => {
    const d = await desk();
    const run = await d.begin("r1", [memory("a")]);
    const base = await run.sync();
    await run.agent({ ...HANDBOOK, "memory_summary.md": "v2\n" });
    await expect(run.publish(base)).rejects.toMatchObject({ code: "gate_refused" });
    await run.agent(HANDBOOK);
    expect(await run.publish(base)).toEqual({ kind: "published", generation: "r1-published" });
  });
});

describe("a person's edits", () => {
  test("between runs become a generation and the base of the next run", async () => {
    const d = await desk();
    await (await d.begin("r1", [memory("a")])).complete({ ...HANDBOOK, "skills/s/SKILL.md": "s" });
    await change(d.root, { "MEMORY.md": "# Mine\n", "skills/s": null, "skills/t/SKILL.md": "t" });
    const edited = await tree(d.root);
    const run = await d.begin("r2", [memory("a")]);
    const base = await run.sync();
    expect(base).toMatch(/^r2-edited-/);
    expect(await stored(d, base ?? "")).toEqual(edited);
    expect(await tree(run.workspace)).toEqual({
      ...edited,
      "hand_edits.diff": expect.stringContaining(
        "--- a/MEMORY.md\n+++ b/MEMORY.md\n@@ -1,1 +1,1 @@\n-# Task Group: release\n+# Mine\n",
      ),
    });
    expect(run.findings).toEqual([
      {
        code: "edited_by_hand",
        severity: "warn",
        path: null,
        message: `3 files of the memory folder were changed by hand; they were kept as generation ${base}.`,
        repair: null,
      },
    ]);
    // Again, as after a crash: the same generation.
    expect(await run.sync()).toBe(base);
    expect(await generations(d)).toEqual([
      { id: "r2-edited-*", parent: "r1-published", kind: "edited", run: null },
      { id: "r1-published", parent: null, kind: "published", run: "r1" },
    ]);
  });

  test("that come, go and come again are a generation each time", async () => {
    const d = await desk();
    await (await d.begin("r1", [memory("a")])).complete();
    const run = await d.begin("r2", [memory("a")]);
    const bases: (string | null)[] = [];
    for (const text of ["# Mine\n", HANDBOOK["MEMORY.md"], "# Mine\n"]) {
      await change(d.root, { "MEMORY.md": text });
      const base = await run.sync();
      bases.push(base);
      expect((await stored(d, base ?? ""))["MEMORY.md"]).toBe(text);
      expect((await d.store.generations.current("global"))?.generation.id).toBe(base);
    }
    expect(new Set(bases).size).toBe(3);
  });

  test("are something for the agent to see: the run is not called unchanged", async () => {
    const d = await desk();
    await (await d.begin("r1", [memory("a")])).complete();
    const quiet = await d.begin("r2", [memory("a")]);
    expect(await quiet.rawMemories((await quiet.summaries()).base)).toEqual({ unchanged: true });
    await quiet.end();
    await change(d.root, { "MEMORY.md": "# Mine\n" });
    const run = await d.begin("r3", [memory("a")]);
    expect(await run.rawMemories((await run.summaries()).base)).toEqual({ unchanged: false });
  });

  test("of all files at once are kept too: an emptied memory is an edit", async () => {
    const d = await desk();
    await (await d.begin("r1", [memory("a")])).complete();
    await change(d.root, { "MEMORY.md": null, "memory_summary.md": null, "raw_memories.md": null });
    await change(d.root, { rollout_summaries: null });
    const run = await d.begin("r2", [memory("a")]);
    const base = await run.sync();
    expect(await stored(d, base ?? "")).toEqual({});
    expect(Object.keys((await tree(run.workspace)) ?? {})).not.toContain("MEMORY.md");
  });

  test("a folder that is gone, mark and all, is no edit: the memory is laid out again", async () => {
    const d = await desk();
    await (await d.begin("r1", [memory("a")])).complete();
    const before = await tree(d.root);
    await rm(d.root, { recursive: true });
    const run = await d.begin("r2", [memory("a")]);
    const { base } = await run.summaries();
    expect(base).toBe("r1-published");
    expect(await run.rawMemories(base)).toEqual({ unchanged: false });
    await run.verify(base);
    expect(await run.publish(base)).toEqual({ kind: "published", generation: "r2-published" });
    expect(await tree(d.root)).toEqual(before);
  });

  test("while the agent works are kept, whether or not the agent changes the same files, and nothing is lost", async () => {
    const d = await desk();
    await (await d.begin("r1", [memory("a")])).complete({
      ...HANDBOOK,
      "skills/mine/SKILL.md": "1",
      "skills/gone/SKILL.md": "1",
      "skills/both/SKILL.md": "1",
    });
    const run = await d.begin("r2", [memory("a")]);
    const base = await run.sync();
    await run.agent({ "MEMORY.md": "# Agent\n", "skills/both/SKILL.md": "agent" });
    const theirs = {
      "skills/mine/SKILL.md": "person",
      "skills/gone": null,
      "skills/both/SKILL.md": "person",
      "skills/new/SKILL.md": "person",
      "raw_memories.md": "person",
    };
    await change(d.root, theirs);
    const edited = await tree(d.root);
    await run.verify(base);
    await run.publish(base);
    const after = await tree(d.root);
    expect(await tree(join(d.root, "skills"))).toEqual({
      "mine/SKILL.md": "person",
      "both/SKILL.md": "person",
      "new/SKILL.md": "person",
    });
    expect(after?.["MEMORY.md"]).toBe("# Agent\n");
    expect(after?.["raw_memories.md"]).toContain("## Thread `a`");
    const [latest, kept] = await generations(d);
    expect([latest, kept]).toEqual([
      { id: "r2-published", parent: "r2-edited-*", kind: "published", run: "r2" },
      { id: "r2-edited-*", parent: "r1-published", kind: "edited", run: null },
    ]);
    const [, keptId] = (await d.store.generations.list("global", 2)).map(({ id }) => id);
    expect(await stored(d, keptId ?? "")).toEqual(edited);
    expect(run.findings.map(({ code, path }) => [code, path])).toEqual([
      ["edited_while_running", "raw_memories.md"],
      ["edit_undone", "raw_memories.md"],
    ]);
  });

  test("both made the same change: no conflict", async () => {
    const d = await desk();
    await (await d.begin("r1", [memory("a")])).complete();
    const run = await d.begin("r2", [memory("a")]);
    const base = await run.sync();
    await run.agent({ "MEMORY.md": "# Same\n" });
    await change(d.root, { "MEMORY.md": "# Same\n" });
    await run.verify(base);
    await run.publish(base);
    expect(run.findings).toEqual([]);
  });
});

describe("what appears in the root while a run is under way", () => {
  test("beside the memory stops nothing, and is left alone", async () => {
    const d = await desk();
    await (await d.begin("r1", [memory("a")])).complete();
    const run = await d.begin("r2", [memory("a"), memory("b")]);
    const strange = {
      "notes.txt": "x",
      "tmp/y": "y",
      "rollout_summaries/z.txt": "z",
      ".MEMORY.md.swp": "vim",
    };
    await change(d.root, strange);
    await run.complete({ "MEMORY.md": "# New\n" });
    expect(await tree(d.root)).toMatchObject({ ...strange, "MEMORY.md": "# New\n" });
    const manifest = (await d.store.generations.manifest("r2-published")) ?? [];
    expect(manifest.filter(({ path }) => path in strange)).toEqual([]);
  });

  test.each([
    ["a symlink", (at: string) => symlink("/etc/hostname", at), "root_symlink"],
    ["a folder", (at: string) => mkdir(at), "root_foreign_content"],
  ])("where the memory has its files stops the run before anything is changed: %s", async (_, put, code) => {
    const d = await desk();
    await (await d.begin("r1", [memory("a")])).complete();
    const run = await d.begin("r2", [memory("a")]);
    const base = await run.sync();
    await run.agent({ "MEMORY.md": "# New\n" });
    await run.verify(base);
    await rm(join(d.root, "MEMORY.md"));
    await put(join(d.root, "MEMORY.md"));
    await expect(run.publish(base)).rejects.toMatchObject({ code });
    expect(await d.store.generations.openJournal("global")).toBeNull();
    expect(await generations(d)).toHaveLength(1);
  });
});

test("a memory root on another file system than the home", async () => {
  const shared = await mkdtemp(join(otherFileSystem() ?? tmpdir(), "slowwave-"));
  try {
    const d = await desk({ root: join(shared, "a/b/memories") });
    await (await d.begin("r1", [memory("a")])).complete();
    await (await d.begin("r2", [memory("a")])).complete({ "MEMORY.md": "# New\n" });
    expect(await tree(d.root)).toMatchObject({ "MEMORY.md": "# New\n" });
  } finally {
    await rm(shared, { recursive: true });
  }
});

describe("adoption", () => {
  test("a root that holds only what a memory may hold becomes the first generation", async () => {
    const d = await desk();
    const old = { "MEMORY.md": "# Old\n", "rollout_summaries/x.md": "x", "skills/s/SKILL.md": "s" };
    await change(d.root, old);
    const run = await d.begin("r1", [memory("a")]);
    const base = await run.sync();
    expect(await generations(d)).toEqual([{ id: "r1-adopted-*", parent: null, kind: "adopted", run: null }]);
    expect(await stored(d, base ?? "")).toEqual(old);
    // Its old summary has no input here, as in the original's sync.
    expect(Object.keys((await tree(run.workspace)) ?? {})).not.toContain("rollout_summaries/x.md");
    expect(run.findings.map(({ code }) => code)).toEqual(["root_adopted"]);
    expect(await tree(d.root)).toEqual(old);
  });

  test("an adopted memory to which a run adds nothing is marked, and consolidated from then on", async () => {
    const d = await desk();
    const { root } = d;
    await (await d.begin("r0", [memory("a")])).complete();
    await change(root, { "MEMORY.md": "# Person\n" });
    await rm(join(root, ".slowwave"));
    const before = await tree(root);
    expect(await (await d.begin("r1", [memory("a")])).complete({})).toBe("r1-published");
    expect(await tree(root)).toEqual(before);
    expect((await generations(d)).map(({ kind }) => kind)).toEqual(["published", "adopted", "published"]);
    const run = await d.begin("r2", [memory("a")]);
    expect(await run.rawMemories((await run.summaries()).base)).toEqual({ unchanged: true });
    await expect(stat(join(root, ".slowwave"))).resolves.toBeDefined();
  });

  test.each([
    ["a symlink inside", (root: string) => symlink("/etc/passwd", join(root, "MEMORY.md")), "root_symlink"],
    ["a symlinked folder", (root: string) => symlink("/etc", join(root, "skills")), "root_symlink"],
    ["a stranger's file", (root: string) => writeFile(join(root, "thesis.tex"), ""), "root_foreign_content"],
    [
      "a folder where a file belongs",
      (root: string) => mkdir(join(root, "raw_memories.md")),
      "root_foreign_content",
    ],
    [
      "another home's mark",
      (root: string) => writeFile(join(root, ".slowwave"), '{"home":"other","space":"global"}'),
      "root_other_home",
    ],
  ])("%s that came after the claim stops the run and is not touched", async (_, damage, code) => {
    const d = await desk();
    await mkdir(d.root);
    await damage(d.root);
    const before = await tree(d.root);
    const run = await d.begin("r1", [memory("a")]);
    await expect(run.summaries()).rejects.toMatchObject({ code });
    expect(await tree(d.root)).toEqual(before);
    expect(await generations(d)).toEqual([]);
  });

  test("a hard link a person made in the root is read, and its other name never written", async () => {
    const d = await desk();
    await (await d.begin("r1", [memory("a")])).complete();
    await link(join(d.root, "MEMORY.md"), join(d.home, "backup.md"));
    await (await d.begin("r2", [memory("a")])).complete({ "MEMORY.md": "# New\n" });
    expect((await tree(d.home))?.["backup.md"]).toBe(HANDBOOK["MEMORY.md"]);
  });
});

describe("ownership", () => {
  test("without a lease nothing is synced or published", async () => {
    const d = await desk();
    const run = await d.begin("r1", [memory("a")]);
    const base = await run.sync();
    await run.agent(HANDBOOK);
    await run.verify(base);
    const loser = run.again({ lease: null });
    await expect(loser.summaries()).rejects.toMatchObject({ code: "failed_lost_ownership" });
    expect(await loser.publish(base)).toEqual({ kind: "lost" });
    expect(await tree(d.root)).toBeNull();
  });

  test("a stale fence can't publish, adopt or keep an edit", async () => {
    const d = await desk();
    await (await d.begin("r1", [memory("a")])).complete();
    const run = await d.begin("r2", [memory("a")]);
    const base = await run.sync();
    await run.agent({ "MEMORY.md": "# Stale\n" });
    await run.verify(base);
    const before = await tree(d.root);
    const stale = run.again({ lease: { space: "global", token: "r2", fence: 0 } });
    expect(await stale.publish(base)).toEqual({ kind: "lost" });
    await change(d.root, { "skills/s/SKILL.md": "person" });
    expect(await stale.publish(base)).toEqual({ kind: "lost" });
    await expect(stale.summaries()).rejects.toMatchObject({ code: "failed_lost_ownership" });
    expect(await tree(d.root)).toEqual({ ...before, "skills/s/SKILL.md": "person" });
    expect(await generations(d)).toHaveLength(1);
  });

  test("waits for another holder of the root, and gives up with a sentence", async () => {
    const d = await desk();
    const run = await d.begin("r1", [memory("a")]);
    const lock = await d.store.locks.lock("root:global");
    await expect(run.summaries()).rejects.toMatchObject({ code: "root_busy" });
    const waiting = run.summaries();
    await lock?.unlock();
    expect(await waiting).toEqual({ base: null });
  });

  test("stops waiting when the run is stopped", async () => {
    const d = await desk();
    const run = await d.begin("r1", [memory("a")]);
    await d.store.locks.lock("root:global");
    const stop = new AbortController();
    const waiting = withRootLock(run.deps, "global", async () => "done", stop.signal);
    stop.abort(new Error("stopped"));
    await expect(waiting).rejects.toThrow("stopped");
  });
});
