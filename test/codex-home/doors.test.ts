import { describe, expect, test } from "vitest";
import { type FakeCodex, fakeCodex, heldByCodex, NOW, session, threadId } from "./world.ts";

test("notes of sessions that Codex knows go into its tables, notes of others are refused by name", async () => {
  const codex = fakeCodex();
  codex.add({ id: threadId(1), ageDays: 2 });
  codex.memories.exec("DELETE FROM stage1_outputs");
  const note = (id: string) =>
    `${JSON.stringify({ thread_id: id, source_updated_at: NOW, raw_memory: "- a fact", rollout_summary: "A fact." })}\n`;
  expect(await codex.slowwave("import", codex.file("known.jsonl", note(threadId(1))))).toMatchObject({
    code: 0,
  });
  expect(
    codex.memories.prepare("SELECT kind, job_key, status, last_success_watermark FROM jobs ORDER BY 1").all(),
  ).toEqual([
    { kind: "memory_consolidate_global", job_key: "global", status: "pending", last_success_watermark: 0 },
    { kind: "memory_stage1", job_key: threadId(1), status: "done", last_success_watermark: NOW },
  ]);
  expect(await codex.slowwave("import", codex.file("other.jsonl", note("stranger")))).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('Codex knows no session "stranger" here'),
  });
});

describe("is refused by name", () => {
  test.each([
    [["run", "--space", "mine"], "--space can't be given with --codex-home"],
    [["run", "--memory-root", "x"], "--memory-root can't be given with --codex-home"],
    [["run", "--codex-home", "/nowhere/at/all"], "There is no folder /nowhere/at/all"],
    [["run", "--codex-home", ""], "--codex-home needs a folder"],
    [["status", "--codex-home", "/"], "is no home of Codex 0.169 or later with a memory"],
  ])("%j", async (words, sentence) => {
    expect(await fakeCodex().slowwave(...words)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(sentence),
    });
  });

  test("a memory version that is not known, and a table of another form", async () => {
    const unknown = fakeCodex("v1", 'version = "v1"\n');
    expect(await unknown.slowwave("run")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("config.toml can't be read"),
    });
    const other = fakeCodex();
    other.memories.exec("ALTER TABLE jobs RENAME COLUMN lease_until TO lease");
    other.add(session(1));
    expect(await other.slowwave("run")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("is not as Codex 0.169 keeps it"),
    });
  });

  test("another Codex home than the one that the home serves", async () => {
    const codex = fakeCodex();
    codex.add(session(1));
    await codex.slowwave("run");
    const other = fakeCodex();
    expect(await codex.slowwave("status", "--codex-home", other.folder)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`serves the Codex home ${codex.folder}`),
    });
  });
});

describe("doctor explains Codex's job", () => {
  const codexLine = async (codex: FakeCodex) => {
    const { value } = await codex.json("doctor");
    return (value as { checks: readonly { name: string }[] }).checks.filter(({ name }) => name === "codex");
  };

  test.each([
    [
      "that a dead process holds",
      { status: "running", lease_until: NOW + 1_800 },
      /nobody holds its lock: whoever did that died; it would wait for another/,
    ],
    [
      "that waits after a failure",
      { status: "error", retry_at: NOW + 1_800, last_error: "failed_agent" },
      /ended with failed_agent; the next is in/,
    ],
  ])("%s, and names the command that goes on", async (_, columns, sentence) => {
    const codex = fakeCodex();
    codex.add(session(1));
    codex.setJob(columns);
    expect(await codexLine(codex)).toEqual([
      {
        name: "codex",
        verdict: "warn",
        message: expect.stringMatching(sentence),
        mend: `slowwave run --now --codex-home ${codex.folder}`,
      },
    ]);
  });

  test("while a Codex is at work, and when nothing is wrong", async () => {
    const codex = fakeCodex();
    codex.add(session(1));
    const letGo = await heldByCodex(codex.lockFile);
    const message = "1 session to consolidate, memories v1";
    const fine = { name: "codex", verdict: "ok", mend: null };
    expect(await codexLine(codex)).toEqual([
      { ...fine, message: `a Codex, or a run of ours, is at work; ${message}` },
    ]);
    await letGo();
    expect(await codexLine(codex)).toEqual([{ ...fine, message }]);
  });
});

test("whatever is started with the home alone, such as a timer, works on the Codex home that it serves", async () => {
  const codex = fakeCodex();
  codex.add(session(1));
  await codex.slowwave("run");
  expect(await codex.without().json("status")).toMatchObject({ code: 0, value: { memoryRoot: codex.root } });
});
