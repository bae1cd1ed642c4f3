import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";
import { copiedHome } from "../cli/copied-home.ts";
import { commandLine, line } from "../cli/invoke.ts";

const published = copiedHome(async (folder) => {
  const here = commandLine({ stdin: [line()] }, folder);
  await here.slowwave("import", "-");
  await here.slowwave("run");
});

describe("`slowwave memory show`", () => {
  test("lists the files, and prints one", async () => {
    const { json } = commandLine({}, published());
    const { value } = await json("memory", "show");
    const files = (value as { files: { path: string; bytes: number }[] }).files;
    expect(files.map(({ path, bytes }) => [path.replace(/\/.*/, "/…"), bytes > 0])).toEqual([
      ["MEMORY.md", true],
      ["memory_summary.md", true],
      ["raw_memories.md", true],
      ["rollout_summaries/…", true],
    ]);
    const shown = await json("memory", "show", "memory_summary.md");
    expect(shown.value).toEqual({ path: "memory_summary.md", text: expect.stringMatching(/^v1\n/) });
  });

  test.each([
    "../slowwave.db",
    "/etc/passwd",
    ".slowwave",
    "MEMORY.md/",
    "none.md",
    "",
    "skills/x/../../../home-id",
  ])("refuses %j, which is no file of a memory", async (path) => {
    const { json } = commandLine({}, published());
    const { code, value } = await json("memory", "show", path);
    expect([code, value]).toEqual([2, { error: expect.objectContaining({ code: "memory_file_unknown" }) }]);
  });

  test("follows no link out of the memory", async () => {
    const here = commandLine({}, published());
    rmSync(join(here.home, "memories/MEMORY.md"));
    symlinkSync("/etc/passwd", join(here.home, "memories/MEMORY.md"));
    const { value } = await here.json("memory", "show", "MEMORY.md");
    expect(value).toEqual({ error: expect.objectContaining({ code: "memory_file_unknown" }) });
  });

  test("says in a home without memory how there will be one", async () => {
    const { slowwave } = commandLine();
    expect(await slowwave("memory", "show")).toMatchObject({
      code: 0,
      stdout: "Nothing is published here yet; `slowwave run` makes the memory.\n",
    });
  });
});

describe("`slowwave memory search`", () => {
  test("finds lines with all words, the handbook first, and says how many more there are", async () => {
    const { json } = commandLine({}, published());
    const { value } = await json("memory", "search", "NODE", "build", "--limit", "1");
    expect(value).toEqual({
      found: [
        { path: "MEMORY.md", line: expect.any(Number), text: expect.stringMatching(/build needs Node 22/) },
      ],
      left: expect.any(Number),
    });
    expect((value as { left: number }).left).toBeGreaterThan(0);
  });

  test("shows no escape sequence of a line that it finds", async () => {
    const here = commandLine({}, published());
    appendFileSync(join(here.home, "memories/MEMORY.md"), "\n- \u001b]0;owned\u0007 zebra\n");
    const { stdout } = await here.slowwave("memory", "search", "zebra");
    expect(stdout).toMatch(/^MEMORY\.md:\d+ {2}- \ufffd\]0;owned\ufffd zebra\n$/);
  });

  test("wants a word", async () => {
    const { json } = commandLine({}, published());
    const { code, value } = await json("memory", "search", "a");
    expect([code, value]).toEqual([2, { error: expect.objectContaining({ code: "invalid_usage" }) }]);
  });
});

test("another clone of a project that was learned from is known by git, and a former folder by the store", async () => {
  const folder = published();
  const here = commandLine({ env: { PATH: process.env.PATH ?? "" } }, folder);
  const clone = join(folder, "clone");
  const git = (...words: string[]) => execFileSync("git", ["-C", clone, ...words], { stdio: "pipe" });
  mkdirSync(clone);
  git("init", "-q");
  git("config", "remote.origin.url", "https://example.com/shop.git");
  const store = await openSqliteStore({ path: join(here.home, "slowwave.db") });
  const project = { id: "p1", commonDir: null, rootCommit: null, remote: "example.com/shop", name: "shop" };
  await store.projects.keep("/home/dev/project", project, 1_000);
  await store.projects.keep("/home/dev/former", project, 1_000);
  await store.close();
  const shown = async (dir: string) =>
    (await here.slowwave("recall", "--for", dir)).stdout.includes("Node 22");
  expect([await shown(clone), await shown("/home/dev/former/src"), await shown("/home/dev/other")]).toEqual([
    true,
    true,
    false,
  ]);
  await here.slowwave("connections");
  const index = readFileSync(join(here.home, "projections/global/index.json"), "utf8");
  expect(JSON.parse(index)).toMatchObject({
    projects: [{ folders: ["/home/dev/project", "/home/dev/former"] }],
  });
});

test("`slowwave recall` prints the memory of the folder it is asked for, and of this one by default", async () => {
  const { json, slowwave } = commandLine({}, published());
  const { value } = await json("recall", "--for", "/home/dev/project/src", "--tokens", "500");
  expect(value).toEqual({
    space: "global",
    text: expect.stringContaining("- The build needs Node 22."),
    generation: expect.stringMatching(/-published$/),
    project: "dev/project",
    tokens: expect.any(Number),
    left: expect.any(Number),
  });
  const { stdout } = await slowwave("recall");
  expect(stdout).toContain("No past session of this folder is known");
  expect((await json("recall", "--all", "--for", "x")).value).toEqual({
    error: expect.objectContaining({ code: "invalid_usage" }),
  });
});
