import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { fakeCodex, heldByCodex, NOW, session, threadId, type Version } from "../codex-home/world.ts";

const JOB = {
  kind: "memory_consolidate_global",
  job_key: "global",
  status: "done",
  worker_id: expect.any(String),
  ownership_token: expect.any(String),
  started_at: expect.any(Number),
  finished_at: expect.any(Number),
  lease_until: null,
  retry_at: null,
  retry_remaining: 3,
  last_error: null,
  input_watermark: 0,
  last_success_watermark: NOW - 86_400,
};

const COMMIT = "Codex <noreply@openai.com> Initialize Codex git baseline";

describe.each<Version>(["v1", "v2"])("a run in a Codex home with memories %s", (version) => {
  test("leaves job, marks, files and baseline as a Codex that consolidated", async () => {
    const codex = fakeCodex(version);
    codex.add(session(2), session(1));
    expect(await codex.json("run")).toMatchObject({ code: 0, value: { status: "succeeded", inputs: 2 } });
    expect(codex.job()).toEqual(JOB);
    expect(
      codex.memories
        .prepare(
          "SELECT thread_id, selected_for_phase2, selected_for_phase2_source_updated_at FROM stage1_outputs ORDER BY 1",
        )
        .all(),
    ).toEqual(
      [1, 2].map((number) => ({
        thread_id: threadId(number),
        selected_for_phase2: 1,
        selected_for_phase2_source_updated_at: NOW - 86_400,
      })),
    );
    expect(codex.memories.prepare("SELECT * FROM consolidation_progress").all()).toEqual([
      { singleton: 1, max_thread_count: 2 },
    ]);
    expect(codex.baseline()).toEqual({ log: COMMIT, changes: "" });
    expect(readFileSync(join(codex.root, ".git", "codex-baseline-version"), "utf8")).toBe("1\n");
    expect(readFileSync(join(codex.root, "memory_summary.md"), "utf8")).toMatch(/^v1\n/);
    expect(readdirSync(join(codex.root, "rollout_summaries"))).toHaveLength(2);
    expect(existsSync(join(codex.root, "extensions", "ad_hoc", "instructions.md"))).toBe(true);
    expect(existsSync(join(codex.root, "phase2_workspace_diff.md"))).toBe(false);
    const raw = readFileSync(join(codex.root, "raw_memories.md"), "utf8");
    expect(raw).toContain("(stable ascending thread-id order)");
    expect(raw.indexOf(threadId(1))).toBeLessThan(raw.indexOf(threadId(2)));
  });

  test("has nothing to do a second time, and something after a new session", async () => {
    const codex = fakeCodex(version);
    codex.add(session(1));
    await codex.slowwave("run");
    codex.memories.exec("UPDATE jobs SET finished_at = finished_at - 30000");
    expect(await codex.json("run")).toMatchObject({ value: { status: "skipped_not_dirty" } });
    codex.add(session(2));
    expect(await codex.json("run")).toMatchObject({ value: { status: "succeeded", inputs: 2 } });
    expect(codex.baseline()).toEqual({ log: COMMIT, changes: "" });
  });
});

test("takes the outputs that Codex would take: not blank, of enabled threads, in the window, the most used first", async () => {
  const codex = fakeCodex("v1", "max_raw_memories_for_consolidation = 3\n");
  codex.add(
    session(1, { ageDays: 40 }),
    session(2, { ageDays: 40, usage: [1, 2] }),
    session(3, { mode: "disabled" }),
    session(4, { mode: "polluted" }),
    { id: threadId(5) },
    session(6, { ageDays: 3 }),
    session(7, { ageDays: 2 }),
    session(8, { ageDays: 4 }),
  );
  codex.memories.exec(
    "INSERT INTO stage1_outputs VALUES ('no-thread', 1800000000, 'x', 'x', NULL, 1, NULL, NULL, 0, NULL)",
  );
  expect(await codex.json("run")).toMatchObject({ value: { status: "succeeded", inputs: 3 } });
  expect(
    codex.memories
      .prepare("SELECT thread_id FROM stage1_outputs WHERE selected_for_phase2 = 1 ORDER BY 1")
      .pluck()
      .all(),
  ).toEqual([2, 6, 7].map(threadId));
});

test("a secret that Codex left in its rows is replaced there, in the files and in the log", async () => {
  const codex = fakeCodex();
  const secret = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD";
  codex.add(
    session(1, { raw: `${session(1).raw}- the key is ${secret}\n`, summary: `The key is ${secret}.\n` }),
  );
  expect(await codex.json("run")).toMatchObject({ value: { status: "succeeded" } });
  expect(JSON.stringify(codex.memories.prepare("SELECT * FROM stage1_outputs").all())).not.toContain(secret);
  for (const folder of [codex.root, codex.home]) expect(textsOf(folder)).not.toContain(secret);
});

describe("a run is skipped, and nothing of Codex's is changed,", () => {
  test("while a Codex holds the lock", async () => {
    const codex = fakeCodex();
    codex.add(session(1));
    const letGo = await heldByCodex(codex.lockFile);
    expect(await codex.json("run")).toMatchObject({ value: { status: "skipped_running" } });
    expect(codex.job()).toBe(null);
    await letGo();
    expect(await codex.json("run")).toMatchObject({ value: { status: "succeeded" } });
  });

  test.each([
    ["while Codex's lease lives", { status: "running", lease_until: NOW + 3_000 }, "skipped_running"],
    [
      "while Codex waits after a failure",
      { status: "error", retry_at: NOW + 3_000, last_error: "failed_agent" },
      "skipped_retry_unavailable",
    ],
    ["within six hours of Codex's success", { status: "done", finished_at: NOW - 60 }, "skipped_cooldown"],
  ])("%s; --now goes on", async (_, columns, status) => {
    const codex = fakeCodex();
    codex.add(session(1));
    codex.setJob(columns);
    const before = codex.job();
    expect(await codex.json("run")).toMatchObject({ value: { status } });
    expect(codex.job()).toEqual(before);
    expect(await codex.json("run", "--now")).toMatchObject({ value: { status: "succeeded" } });
  });
});

test("a failed run leaves Codex's job with the reason and a time to try again", async () => {
  const codex = fakeCodex();
  codex.add(session(1));
  const hopeless = [
    "run",
    "--agent",
    "acp",
    "--sandbox",
    "none",
    "--",
    process.execPath,
    "-e",
    "process.exit(3)",
  ];
  expect(await codex.json(...hopeless)).toMatchObject({ code: 1 });
  expect(codex.job()).toEqual({
    ...JOB,
    status: "error",
    retry_at: expect.any(Number),
    retry_remaining: 2,
    last_error: expect.stringMatching(/^failed_/),
    last_success_watermark: 0,
  });
});

test("a dry run gives Codex's row back as it was", async () => {
  const codex = fakeCodex();
  codex.add(session(1));
  await codex.slowwave("run");
  codex.memories.exec("UPDATE jobs SET finished_at = finished_at - 30000");
  codex.add(session(2));
  const before = codex.job();
  expect(await codex.json("run", "--dry-run")).toMatchObject({ code: 0, value: { status: "succeeded" } });
  expect(codex.job()).toEqual(before);
});

test("a purged session goes from Codex's rows, and stays away when Codex writes it again", async () => {
  const codex = fakeCodex();
  codex.add(session(1), session(2));
  await codex.slowwave("run");
  expect(await codex.slowwave("purge", threadId(1), "--yes")).toMatchObject({ code: 0 });
  const ids = () => codex.memories.prepare("SELECT thread_id FROM stage1_outputs").pluck().all();
  expect(ids()).toEqual([threadId(2)]);
  expect(textsOf(codex.root)).not.toContain("part1");
  // Neither in what git keeps, nor in free pages and logs of Codex's databases.
  expect(codex.history()).not.toContain("part1");
  expect(textsOf(codex.folder)).not.toContain("part1");
  codex.add(session(1), session(3));
  expect(await codex.json("run", "--now")).toMatchObject({ value: { status: "succeeded", inputs: 2 } });
  expect(ids()).toEqual([threadId(2), threadId(3)]);
});

function textsOf(folder: string): string {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "latin1"))
    .join("\n");
}
