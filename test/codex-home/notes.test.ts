import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type FakeCodex, fakeCodex, session, threadId } from "./world.ts";

const SECRET = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD";
const DEPLOYS = "2026-11-28T07-00-00-deploys.md";

const notesOf = ({ root }: FakeCodex) => join(root, "extensions", "ad_hoc", "notes");

/** The memory as agents read it, in one text. */
function memoryOf({ root }: FakeCodex): string {
  const names = ["MEMORY.md", "memory_summary.md", "raw_memories.md"];
  const folder = join(root, "rollout_summaries");
  const summaries = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".md"),
  );
  const paths = [...names.map((name) => join(root, name)), ...summaries.map((name) => join(folder, name))];
  return paths.map((path) => readFileSync(path, "utf8")).join("\n");
}

function write(codex: FakeCodex, name: string, text: string): void {
  mkdirSync(notesOf(codex), { recursive: true });
  writeFileSync(join(notesOf(codex), name), text);
}

/** Codex's rest of six hours after a success is over. */
const rested = (codex: FakeCodex) => codex.memories.exec("UPDATE jobs SET finished_at = finished_at - 30000");

test("a note is consolidated with the sessions, cited by a file of its own, and freed of secrets; its file stays", async () => {
  const codex = fakeCodex("v2");
  codex.add(session(1));
  const text = `We deploy on Tuesdays, never on Fridays.\n\nThe stable of the zebra\nopens at six, with ${SECRET}.\n`;
  write(codex, DEPLOYS, text);
  write(
    codex,
    "plain.md",
    "# My harbour\n\n## Ports\n\n- ask Ann about port 8123\n  of the harbour\n- 2 boats\n",
  );
  write(codex, "no-note.txt", "The fish are blue.\n");
  write(codex, "empty.md", "\n");
  write(codex, "binary.md", "The fish are red.\0\n");
  symlinkSync(codex.file("outside.md", "The fish are green.\n"), join(notesOf(codex), "link.md"));

  expect(await codex.json("run")).toMatchObject({ value: { status: "succeeded", inputs: 3 } });
  const memory = memoryOf(codex);
  for (const said of [
    "- We deploy on Tuesdays, never on Fridays. [Task",
    "- The stable of the zebra opens at six, with [REDACTED_SECRET]. [Task",
    "- ask Ann about port 8123 of the harbour [Task",
    "thread_id=ad-hoc-note-2026-11-28T07-00-00-deploys)",
    "PORT=8110",
  ])
    expect(memory).toContain(said);
  expect(memory).not.toContain(SECRET);
  expect(memory).not.toMatch(/fish/);
  const cited = [...memory.matchAll(/^- (rollout_summaries\/notes\/\S+\.md) /gm)].map(([, path]) => path);
  expect(new Set(cited).size).toBe(2);
  for (const path of cited)
    expect(readFileSync(join(codex.root, path ?? ""), "utf8")).toContain("thread_id: ad-");
  // What Codex itself would write of its sessions has nothing of the notes, and its marks neither.
  expect(readFileSync(join(codex.root, "raw_memories.md"), "utf8")).not.toContain("ad-hoc-note");
  expect(codex.memories.prepare("SELECT thread_id FROM stage1_outputs").pluck().all()).toEqual([threadId(1)]);
  expect(codex.memories.prepare("SELECT max_thread_count FROM consolidation_progress").pluck().get()).toBe(1);
  expect(codex.baseline().changes).toBe("");
  expect(readFileSync(join(notesOf(codex), DEPLOYS), "utf8")).toBe(text);
});

test("notes alone are reason enough; unchanged ones are none, and a changed or a lost one is, again", async () => {
  const codex = fakeCodex("v1");
  write(codex, DEPLOYS, "We deploy on Tuesdays, never on Fridays.\n");
  expect(await codex.json("run")).toMatchObject({ value: { status: "succeeded", inputs: 1 } });
  expect(memoryOf(codex)).toContain("on Tuesdays");
  rested(codex);
  expect(await codex.json("run")).toMatchObject({ value: { status: "skipped_not_dirty" } });
  write(codex, DEPLOYS, "We deploy on Mondays, never on Fridays.\n");
  codex.add(session(1));
  expect(await codex.json("run")).toMatchObject({ value: { status: "succeeded", inputs: 2 } });
  expect(memoryOf(codex)).toContain("on Mondays");
  expect(memoryOf(codex)).not.toContain("on Tuesdays");
  rested(codex);
  rmSync(join(notesOf(codex), DEPLOYS));
  expect(await codex.json("run")).toMatchObject({ value: { status: "succeeded", inputs: 1 } });
  expect(memoryOf(codex)).not.toContain("on Mondays");
  rested(codex);
  expect(await codex.json("run")).toMatchObject({ value: { status: "skipped_not_dirty" } });
});

test("of many notes the newest have half of the places, the sessions the rest", async () => {
  const codex = fakeCodex("v1", "max_raw_memories_for_consolidation = 4\n");
  codex.add(session(1), session(2), session(3));
  for (const day of [1, 2, 3])
    write(codex, `2026-11-0${day}T00-00-00-n.md`, `Boat ${day} sails on day ${day}.\n`);
  expect(await codex.json("run", "--limit", "4")).toMatchObject({
    value: { status: "succeeded", inputs: 4 },
  });
  const summaries = readdirSync(join(codex.root, "rollout_summaries"));
  expect([summaries.length, readdirSync(join(codex.root, "rollout_summaries", "notes")).length]).toEqual([
    3, 2,
  ]);
});

test("a purged note stays away although its file is still there, and purge says where it is", async () => {
  const codex = fakeCodex("v1");
  codex.add(session(1));
  write(codex, DEPLOYS, "We deploy on Tuesdays, never on Fridays.\n");
  await codex.slowwave("run");
  expect(await codex.slowwave("purge", "ad-hoc-note-2026-11-28T07-00-00-deploys", "--yes")).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(`${join(notesOf(codex), DEPLOYS)}: the note's own file`),
  });
  expect(await codex.json("run", "--now")).toMatchObject({ value: { status: "succeeded", inputs: 1 } });
  expect(memoryOf(codex)).not.toContain("Tuesdays");
  expect(readFileSync(join(notesOf(codex), DEPLOYS), "utf8")).toContain("Tuesdays");
});
