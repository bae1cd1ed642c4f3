import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Entry, Files, Folder } from "../../src/files/folder.ts";
import { nodeFiles } from "../../src/files/node-files.ts";
import { foldedPath, roleOf, SCAN_LIMITS } from "../../src/memory-files/memory-path.ts";
import { type ScanOptions, scan } from "../../src/memory-files/scan.ts";
import { pathText } from "../../src/text/sanitize.ts";
import { change, temporaryFolder } from "./bench.ts";

async function scanned(path: string, options: ScanOptions = {}, files: Files = nodeFiles()) {
  const folder = await files.open(path);
  try {
    return await scan(folder, options);
  } finally {
    await folder.close();
  }
}

const entry = (path: string, text: string) => ({
  path,
  hash: createHash("sha256").update(text).digest("hex"),
  bytes: Buffer.byteLength(text),
});

describe("what a memory may hold", () => {
  test.each([
    ["MEMORY.md", "file"],
    ["memory_summary.md", "file"],
    ["raw_memories.md", "file"],
    ["rollout_summaries/2026-03-22T20-40-00-jqmb.md", "file"],
    ["skills/deploy/SKILL.md", "file"],
    ["skills/deploy/scripts/run.sh", "file"],
    ["skills/日本/café.md", "file"],
    [".slowwave", "ours"],
    [".slowwave-1", "ours"],
    ["rollout_summaries/.slowwave-1", "ours"],
    [".git", "ignored"],
    ["skills/deploy/.DS_Store", "ignored"],
    ["memory.md", "foreign"],
    ["notes.txt", "foreign"],
    ["rollout_summaries/a.txt", "foreign"],
    ["rollout_summaries/a/b.md", "foreign"],
    ["skills/SKILL.md", "foreign"],
    ["skills/deploy/.env", "foreign"],
    ["skills/.slowwave/x", "foreign"],
    ["skills/..", "foreign"],
    ["skills/../MEMORY.md", "foreign"],
    ["../MEMORY.md", "foreign"],
    ["/MEMORY.md", "foreign"],
    ["", "foreign"],
    ["skills//x", "foreign"],
    ["skills/a\\b/x", "foreign"],
    ["skills/s/a\u0000b", "foreign"],
    ["skills/s/a\nb", "foreign"],
    ["skills/s/a\u200bb", "foreign"],
    ["skills/s/a\u202eb", "foreign"],
    ["skills/s/x ", "foreign"],
    ["skills/s/x.", "foreign"],
    [`skills/s/${"x".repeat(201)}`, "foreign"],
  ] as const)("%j is %s", (path, role) => expect(roleOf(path, "file")).toBe(role));

  test("folders and files don't stand for each other", () => {
    expect(
      ["MEMORY.md", "skills", "rollout_summaries", "rollout_summaries/x.md", "skills/a"].map((path) =>
        roleOf(path, "folder"),
      ),
    ).toEqual(["foreign", "folder", "folder", "foreign", "folder"]);
    expect(["skills", "rollout_summaries"].map((path) => roleOf(path, "file"))).toEqual([
      "foreign",
      "foreign",
    ]);
  });

  test("paths are shown without what could steer a terminal", () => {
    expect(pathText("a\u001b[2J\u202e\nb")).toBe("a\ufffd[2J\ufffd\ufffdb");
    expect(pathText("x".repeat(500))).toHaveLength(160);
  });

  test.each([
    ["A/b", "a/B"],
    ["\u00e9", "e\u0301"],
    ["ß", "SS"],
    ["\u212a", "k"],
    ["ς", "Σ"],
  ])("%j and %j are one name somewhere", (a, b) => expect(foldedPath(a)).toBe(foldedPath(b)));
});

describe("a scan", () => {
  test("lists regular files with their hashes, sorted by code units, and keeps what was asked for", async () => {
    const folder = await temporaryFolder();
    const files = {
      "MEMORY.md": "m",
      "memory_summary.md": "v1\n",
      "skills/b/x": "",
      "skills/B/y": "y",
      "skills/a/ü": "ü",
    };
    await change(folder, { ...files, ".slowwave": "{}", ".slowwave-tmp": "x", ".git/HEAD": "x" });
    const found = await scanned(folder, { keep: (path) => path === "MEMORY.md" });
    expect(found).toEqual({
      manifest: [
        entry("MEMORY.md", "m"),
        entry("memory_summary.md", "v1\n"),
        entry("skills/B/y", "y"),
        entry("skills/a/ü", "ü"),
        entry("skills/b/x", ""),
      ],
      problems: [{ path: "skills/b/x", kind: "collision" }],
      kept: new Map([["MEMORY.md", Buffer.from("m")]]),
    });
  });

  test("names what it won't follow or enter, and reads nothing of it", async () => {
    const [folder, outside] = [await temporaryFolder(), await temporaryFolder()];
    await change(outside, { "MEMORY.md": "secret", "x/SKILL.md": "secret" });
    await change(folder, { "tmp/deep/file": "x", "MEMORY.md/inside": "x", "skills/ok/SKILL.md": "s" });
    await symlink(join(outside, "MEMORY.md"), join(folder, "memory_summary.md"));
    await symlink(outside, join(folder, "skills/linked"));
    await symlink(outside, join(folder, "rollout_summaries"));
    execFileSync("mkfifo", [join(folder, "skills/ok/pipe")]);
    expect(await scanned(folder)).toEqual({
      manifest: [entry("skills/ok/SKILL.md", "s")],
      problems: [
        { path: "MEMORY.md", kind: "foreign" },
        { path: "memory_summary.md", kind: "symlink" },
        { path: "rollout_summaries", kind: "symlink" },
        { path: "skills/linked", kind: "symlink" },
        { path: "skills/ok/pipe", kind: "special" },
        { path: "tmp", kind: "foreign" },
      ],
      kept: new Map(),
    });
  });

  test.each([
    ["held open", true],
    ["found by name", false],
  ])("a folder swapped for a symlink in the middle leads nowhere (folders %s)", async (_, anchored) => {
    const [folder, outside] = [await temporaryFolder(), await temporaryFolder()];
    await change(folder, { "skills/s/SKILL.md": "mine" });
    await change(outside, { "SKILL.md": "secret" });
    const real = nodeFiles({ anchored });
    const swap = async () => {
      await rename(join(folder, "skills/s"), join(folder, "skills/away"));
      await symlink(outside, join(folder, "skills/s"));
    };
    // The swap comes at the worst moment: the folder is open, its file about to be read.
    const files = during(real, "skills/s", swap);
    const found = await scanned(folder, { keep: () => true }, files);
    const read = [...found.kept.values()].map((content) => Buffer.from(content).toString());
    expect(read).toEqual(anchored ? ["mine"] : []);
    if (!anchored) expect(found.problems).toEqual([{ path: "skills/s/SKILL.md", kind: "symlink" }]);
  });

  test("files that grow too large, and more files than it looks through, are problems", async () => {
    const folder = await temporaryFolder();
    await change(folder, { "MEMORY.md": "12345", "memory_summary.md": "1234" });
    expect(await scanned(folder, { limit: () => 4 })).toEqual({
      manifest: [entry("memory_summary.md", "1234")],
      problems: [{ path: "MEMORY.md", kind: "too-large" }],
      kept: new Map(),
    });
    const many = crowd(SCAN_LIMITS.files + 1);
    const { manifest, problems } = await scan(many, { hash: false });
    expect([manifest.length, problems]).toEqual([
      SCAN_LIMITS.files,
      [{ path: expect.stringMatching(/^rollout_summaries/), kind: "too-many" }],
    ]);
  });

  test("what vanishes meanwhile was never there", async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, "skills"));
    await writeFile(join(folder, "MEMORY.md"), "m");
    const files = nodeFiles();
    const real = await files.open(folder);
    const listed: readonly Entry[] = [
      { name: "MEMORY.md", kind: "file" },
      { name: "raw_memories.md", kind: "file" },
      { name: "rollout_summaries", kind: "folder" },
    ];
    const found = await scan({ ...real, list: async () => listed });
    await real.close();
    expect(found).toEqual({ manifest: [entry("MEMORY.md", "m")], problems: [], kept: new Map() });
  });
});

/** Does something once, right after the folder whose path ends so has been listed. */
function during(files: Files, suffix: string, act: () => Promise<void>): Files {
  const wrap = (folder: Folder): Folder => ({
    ...folder,
    enter: async (name) => wrap(await folder.enter(name)),
    list: async () => {
      const entries = await folder.list();
      if (folder.path.endsWith(suffix)) await act();
      return entries;
    },
  });
  return { ...files, open: async (path) => wrap(await files.open(path)) };
}

/** A folder with very many summaries that exist by name only. */
function crowd(count: number): Folder {
  const inner: readonly Entry[] = Array.from({ length: count }, (_, n) => ({
    name: `${n}.md`,
    kind: "file",
  }));
  const folder = (entries: readonly Entry[]): Folder =>
    ({
      path: "/crowd",
      list: async () => entries,
      enter: async () => folder(inner),
      close: async () => {},
    }) as unknown as Folder;
  return folder([{ name: "rollout_summaries", kind: "folder" }]);
}
