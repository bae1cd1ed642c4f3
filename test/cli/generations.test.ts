import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";
import { copiedHome } from "./copied-home.ts";
import { commandLine, line } from "./invoke.ts";

/** A home with two published generations. */
const published = copiedHome(async (folder) => {
  const taken = async (text: string) => {
    const here = commandLine({ stdin: [`${text}\n`] }, folder);
    await here.slowwave("import", "-");
    await here.slowwave("run");
  };
  await taken(line());
  before = readFileSync(join(folder, "home/memories/MEMORY.md"), "utf8");
  await taken(line({ thread_id: "thread-2", source_updated_at: "2026-09-03T10:00:00Z" }));
});
let before = "";

function twice() {
  const here = commandLine({}, published());
  const file = (name: string) => join(here.home, "memories", name);
  return { ...here, before, file, read: (name: string) => readFileSync(file(name), "utf8") };
}

interface Listed {
  readonly generations: readonly { readonly back: number; readonly id: string; readonly kind: string }[];
}

const kinds = (value: unknown) => (value as Listed).generations.map(({ kind }) => kind);
const idOf = (value: unknown, back: number) => (value as Listed).generations[back]?.id ?? "";

describe("what a person changed by hand", () => {
  const BULLET = /^- The build needs Node 22\..*\n/m;

  test("is listed by `diff --edits` after a run too, and a removed line comes back when it is written again", async () => {
    const folder = published();
    const here = commandLine({}, folder);
    const path = join(here.home, "memories/MEMORY.md");
    const handbook = () => readFileSync(path, "utf8");
    const take = async (thread: string, day: number, fact = "The build needs Node 22.") => {
      const raw_memory = `### Task 1: Keep a promise\n\nReusable knowledge:\n- ${fact}\n`;
      const stdin = [line({ thread_id: thread, source_updated_at: `2026-09-0${day}T10:00:00Z`, raw_memory })];
      await commandLine({ stdin }, folder).slowwave("import", "-");
      const { code, stderr } = await here.slowwave("run");
      expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    };
    await take("thread-3", 4, "Releases are tagged on the main branch by `npm run release`.");
    const bullet = BULLET.exec(handbook())?.[0] ?? "";
    writeFileSync(path, handbook().replace(BULLET, "- My own line.\n"));
    await take("thread-4", 5);
    const at = handbook().split("\n").indexOf("- My own line.") + 1;
    expect([bullet !== "", at > 0, BULLET.test(handbook())]).toEqual([true, true, false]);
    const { value } = await here.json("diff", "--edits");
    expect(value).toMatchObject({
      files: [],
      kept: [{ path: "MEMORY.md", lines: [{ from: at, to: at }], removed: 1, deleted: false }],
    });
    const { stdout } = await here.slowwave("diff", "--edits");
    expect(stdout).toContain(`MEMORY.md  your lines ${at}; 1 line that you removed`);
    writeFileSync(path, handbook().replace("- My own line.\n", `- My own line.\n${bullet}`));
    await take("thread-5", 6);
    expect(handbook()).toMatch(BULLET);
  });

  test("stays when it is all that the handbook says, and the next run is published", async () => {
    const folder = published();
    const here = commandLine({}, folder);
    const path = join(here.home, "memories/MEMORY.md");
    writeFileSync(path, readFileSync(path, "utf8").replace(BULLET, "- My own line.\n"));
    const stdin = [`${line({ thread_id: "thread-3", source_updated_at: "2026-09-04T10:00:00Z" })}\n`];
    await commandLine({ stdin }, folder).slowwave("import", "-");
    const { code, stderr } = await here.slowwave("run");
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    const handbook = readFileSync(path, "utf8");
    expect(handbook).toMatch(
      /^# Task Group: dev\/project\n[\s\S]*thread_id=thread-3[\s\S]*\n- My own line\.\n$/,
    );
    expect(handbook).not.toMatch(BULLET);
  });
});

describe("diff", () => {
  test("shows the last two generations as a unified diff, and in counts", async () => {
    const { slowwave } = twice();
    const { code, stdout, stderr } = await slowwave("diff");
    expect(code).toBe(0);
    expect(stdout).toContain("--- a/MEMORY.md\n+++ b/MEMORY.md\n@@ ");
    expect(stdout).toMatch(/^--- \/dev\/null\n\+\+\+ b\/rollout_summaries\/.*\.md$/m);
    expect(stdout).toMatch(/^\+thread_id: thread-2$/m);
    expect(stderr).toMatch(/^from {2}\S+-published .* published/m);
    const stat = await slowwave("diff", "--stat");
    expect(stat.stdout).toMatch(/^A rollout_summaries\/\S+ +\+\d+ -0$/m);
    expect(stat.stdout).toMatch(/^4 files, \+\d+ -\d+ lines$/m);
  });

  test("in JSON it is one document with the generations and each file's hunks", async () => {
    const { json } = twice();
    const { value } = await json("diff", "1", "current");
    expect(value).toMatchObject({
      from: { kind: "published", space: "global" },
      to: { kind: "published", space: "global", agent: "extractive", findings: 0 },
      files: expect.arrayContaining([
        {
          path: "raw_memories.md",
          change: "modified",
          added: expect.any(Number),
          removed: 0,
          hunks: [{ range: expect.stringMatching(/^@@ -\d/), lines: expect.any(Array) }],
        },
      ]),
    });
  });

  test("a generation is named by its id, the beginning of it, its place, or not at all", async () => {
    const { json } = twice();
    const list = (await json("diff", "--list")).value;
    const names = [idOf(list, 1), idOf(list, 1).slice(0, -4), "previous", "1"];
    const froms = await Promise.all(
      names.map(async (name) => ((await json("diff", name)).value as { from: { id: string } }).from.id),
    );
    expect(froms).toEqual(names.map(() => idOf(list, 1)));
    const wrong = await json("diff", "nosuch");
    expect(wrong).toMatchObject({ code: 2, value: { error: { code: "unknown_generation" } } });
    const both = await json("diff", idOf(list, 0).slice(0, 4));
    expect(both).toMatchObject({ code: 2, value: { error: { code: "ambiguous_generation" } } });
  });

  test("where nothing is kept it says so, and makes nothing", async () => {
    const { slowwave, json } = commandLine();
    expect(await slowwave("diff")).toMatchObject({
      code: 0,
      stdout: "",
      stderr: "This space has no generation yet; `slowwave run` makes the first.\n",
    });
    expect((await json("diff")).value).toEqual({ from: null, to: null, files: [] });
  });
});

describe("rollback", () => {
  test("restores the last published generation as a new one, and keeps the watermark", async () => {
    const { home, slowwave, json, before, read } = twice();
    const { code, value } = await json("rollback");
    expect(code).toBe(0);
    expect(value).toMatchObject({
      outcome: "succeeded",
      status: "succeeded",
      reason: null,
      generation: expect.stringMatching(/-rollback$/),
      restored: expect.stringMatching(/-published$/),
      kept: null,
      watermark: Date.parse("2026-09-03T10:00:00Z") / 1_000,
    });
    expect(read("MEMORY.md")).toBe(before);
    expect(kinds((await json("diff", "--list")).value)).toEqual(["rollback", "published", "published"]);
    const store = await openSqliteStore({ path: join(home, "slowwave.db") });
    expect(await store.jobs.read("global")).toMatchObject({ status: "done" });
    expect(await store.generations.openJournal("global")).toBeNull();
    await store.close();
    // A second one takes it back.
    expect((await slowwave("rollback")).stdout).toContain("still count as consolidated");
    expect(read("MEMORY.md")).not.toBe(before);
  });

  test("lays the current one out again where the folder was lost, and doctor says how", async () => {
    const { slowwave, file, read } = twice();
    const before = read("MEMORY.md");
    rmSync(file("."), { recursive: true });
    expect((await slowwave("doctor")).stdout).toMatch(/is empty or gone.*\n.*slowwave rollback current/);
    const { stdout } = await slowwave("rollback", "current");
    expect(stdout).toContain("changed     5 added files");
    expect(read("MEMORY.md")).toBe(before);
    expect((await slowwave("doctor")).stdout).toMatch(/memory root \S+ is ours/);
  });

  test("what a person changed by hand is kept as a generation first, and can be brought back", async () => {
    const { json, before, file, read } = twice();
    writeFileSync(file("MEMORY.md"), "# Task Group: mine\n");
    const { value } = await json("rollback", "1");
    const { kept } = value as { kept: string };
    expect(kept).toMatch(/-edited-/);
    expect(read("MEMORY.md")).toBe(before);
    expect(kinds((await json("diff", "--list")).value)).toEqual([
      "rollback",
      "edited",
      "published",
      "published",
    ]);
    await json("rollback", kept);
    expect(read("MEMORY.md")).toBe("# Task Group: mine\n");
  });

  test("to what is there already there is nothing to do", async () => {
    const { json, slowwave } = twice();
    expect(await json("rollback", "current")).toMatchObject({
      code: 0,
      value: { status: "succeeded_no_workspace_changes", files: { added: [], modified: [], deleted: [] } },
    });
    expect((await slowwave("rollback", "0")).stdout).toContain("nothing to do");
  });

  test("what a killed apply or purge left claimed is named by status and doctor, and keeps nobody waiting", async () => {
    const { home, slowwave, json } = twice();
    const store = await openSqliteStore({ path: join(home, "slowwave.db") });
    await store.jobs.enqueue("global", 0);
    const times = { leaseSeconds: 120, nowMs: Date.now(), successCooldownSeconds: 0 };
    const claim = { space: "global", worker: "dead", token: "left", retries: 3, force: true, remember: true };
    await store.jobs.claim({ ...claim, ...times });
    await store.close();
    expect((await slowwave("doctor")).stdout).toMatch(/is held by dead \(dead\).*\n.*slowwave recover/);
    expect((await slowwave("status")).stdout).toContain(
      "An apply or purge was killed while it had the space",
    );
    expect(await json("recover")).toMatchObject({ code: 0, value: { recovered: [], freed: ["global"] } });
    expect(await json("rollback")).toMatchObject({ code: 0, value: { outcome: "succeeded" } });
  });

  test("while a run has the space it is skipped, and nothing changes", async () => {
    const { home, json, slowwave, read } = twice();
    const before = read("MEMORY.md");
    const store = await openSqliteStore({ path: join(home, "slowwave.db") });
    await store.jobs.enqueue("global", 9_999_999_999);
    const nowMs = Date.now();
    const claim = { space: "global", worker: "w", token: "t", leaseSeconds: 60, successCooldownSeconds: 0 };
    await store.jobs.claim({ ...claim, force: true, retries: 3, nowMs });
    expect(await json("rollback")).toMatchObject({
      code: 1,
      value: { outcome: "skipped", status: "skipped_running", reason: { code: "skipped_running" } },
    });
    expect((await slowwave("rollback")).stderr).toContain("skipped_running");
    expect(read("MEMORY.md")).toBe(before);
    await store.close();
  });

  test("with nothing to go back to it says so", async () => {
    const { json } = commandLine();
    expect(await json("rollback")).toMatchObject({ code: 2, value: { error: { code: "nothing_here" } } });
  });
});
