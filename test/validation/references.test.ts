import { describe, expect, test } from "vitest";
import type { Stage1Output } from "../../src/domain/memory.ts";
import { evidenceOf, NO_BASE } from "../../src/validation/candidate.ts";
import { references } from "../../src/validation/references.ts";
import { session } from "../engine/phase2-world.ts";
import { baseOf, candidateOf } from "./candidates.ts";

const SUMMARY = "v1\n\n## What's in Memory\n- shop\n";

/** A handbook of one task: its citations and its statements. */
function handbook(citations: readonly string[], statements: readonly string[] = []): string {
  return [
    "# Task Group: shop",
    "scope: the shop",
    "applies_to: cwd=/home/dev/shop; reuse_rule=safe",
    "",
    "## Task 1: whatever",
    "### rollout_summary_files",
    "",
    ...citations.map((citation) => `- ${citation}`),
    "",
    "### keywords",
    "- shop",
    "",
    "## Reusable knowledge",
    ...statements.map((statement) => `- ${statement}`),
    "",
  ].join("\n");
}

/** The codes found in a handbook that is written when the one session is known. */
async function codesOf(
  write: (path: string, id: string) => string,
  {
    input = session(1),
    before,
    summary = SUMMARY,
  }: { input?: Stage1Output; before?: string; summary?: string } = {},
) {
  const { evidence } = await candidateOf([input], {});
  const [path = "", id = ""] = [...evidenceOf(evidence).threadOf][0] ?? [];
  const files = (memory: string) => ({ "MEMORY.md": memory, "memory_summary.md": summary });
  const base = before === undefined ? NO_BASE : baseOf(await candidateOf([input], files(before)));
  const found = await references(await candidateOf([input], files(write(path, id)), base));
  return found.map(({ finding }) => finding.code);
}

describe("a citation of a thread is compared whole with the id of its file, whatever the id holds", () => {
  const odd = [
    "a b",
    "a, b",
    "a;b",
    "a) b",
    "a)",
    "a(b",
    "a]b",
    "a<b",
    "a'b",
    'a"b',
    "a`b",
    "a…b",
    "a|b",
    "a=b",
    "a,thread_id=b",
    "#a",
    "x".repeat(200),
    "😀",
  ];
  test.each(odd)("%s", async (threadId) => {
    const input = session(1, { threadId });
    const cite = (id: string) => (path: string) =>
      handbook([
        `${path} (cwd=/w/thread_id=5, rollout_path=/r, updated_at=2026-01-01T00:00:00+00:00, thread_id=${id})`,
      ]);
    expect(await codesOf(cite(threadId), { input })).toEqual([]);
    expect(await codesOf(cite(`${threadId}x`), { input })).toEqual(["unknown_thread"]);
    expect(await codesOf(cite(`x${threadId}`), { input })).toEqual(["unknown_thread"]);
    if (!threadId.endsWith(")"))
      expect(await codesOf(cite(threadId.slice(0, -1)), { input })).toEqual(["unknown_thread"]);
  });
});

test.each<[string, (path: string, id: string) => string]>([
  ["the path alone", (path) => path],
  ["the path as code", (path) => `\`${path}\``],
  ["the id before the other fields", (path, id) => `${path} (thread_id=${id}, cwd=/w)`],
  ["the id between semicolons", (path, id) => `${path}; thread_id=${id}; cwd=/w`],
  ["the id without brackets", (path, id) => `${path} thread_id=${id}`],
  ["a remark of a person beside the citations", () => "the rest is in the wiki, see thread_id=12"],
])("%s is a citation that leads somewhere", async (_, citation) => {
  expect(await codesOf((path, id) => handbook([path, citation(path, id)]))).toEqual([]);
});

test.each<[string, (path: string) => string, string]>([
  ["a file that is not there", () => "rollout_summaries/none.md", "unknown_summary"],
  ["a file outside the folder", () => "rollout_summaries/../../etc/passwd.md", "unknown_summary"],
  ["a file whose name goes on", (path) => `${path.slice(0, -3)}x.md`, "unknown_summary"],
  ["an invented thread", (path) => `${path} (thread_id=invented)`, "unknown_thread"],
])("%s is a citation that leads nowhere", async (_, citation, code) => {
  expect(await codesOf((path) => handbook([citation(path)]))).toEqual([code]);
});

test.each([
  "Runs are made with client.runs.create(thread_id=thread.id). [Task 1]",
  "GET /messages?thread_id=abc123 needs a token. [Task 1]",
  "The step [Task 99] uses pnpm. [Task 1]",
  "rollout_path=/r/thread_id=7, x) is a path. [Task 1]",
  "a statement without any reference",
])("text that only looks like a reference is text: %s", async (statement) => {
  expect(await codesOf((path) => handbook([path], [statement]))).toEqual([]);
});

test("prose that names a summary file which is not there is a warning, once for each file", async () => {
  const prose = ["See rollout_summaries/foo.md. [Task 1]", "And rollout_summaries/bar.md. [Task 1]"];
  const summary = `${SUMMARY}- see rollout_summaries/none.md\n`;
  expect(await codesOf((path) => handbook([path], prose), { summary })).toEqual([
    "unknown_mention",
    "unknown_mention",
  ]);
});

describe("a statement that refers to a task which is not there", () => {
  const lost = "pnpm is used. [Task 1] [Task 7]";
  test("goes back to the agent", async () => {
    expect(await codesOf((path) => handbook([path], [lost]))).toEqual(["unknown_task"]);
  });

  test("goes back when it stood in the base, where the task was still there", async () => {
    const old = handbook([], [lost]).replace("## Reusable", "## Task 7: more\n\n## Reusable");
    expect(await codesOf((path) => handbook([path], [lost]), { before: old })).toEqual(["unknown_task"]);
  });

  test("is only asked about when it led nowhere before the run", async () => {
    expect(await codesOf((path) => handbook([path], [lost]), { before: handbook([], [lost]) })).toEqual([
      "reference_kept",
    ]);
  });
});

describe("a citation of a session that is gone", () => {
  const own = "rollout_summaries/mine.md (a note of my own)";
  test("which the base never had is only asked about: a person may have written it", async () => {
    expect(await codesOf((path) => handbook([path, own]), { before: handbook([own]) })).toEqual([
      "reference_kept",
    ]);
  });

  test("which the base had goes back to the agent", async () => {
    const { evidence, manifest } = await candidateOf([session(2)], {});
    const [gone = ""] = evidenceOf(evidence).threadOf.keys();
    const memory = handbook([gone]);
    const base = { ...NO_BASE, manifest, text: (path: string) => (path === "MEMORY.md" ? memory : null) };
    const files = { "MEMORY.md": memory, "memory_summary.md": SUMMARY };
    const found = await references(await candidateOf([session(1)], files, base));
    expect(found.map(({ finding }) => finding.code)).toEqual(["unknown_summary"]);
  });
});
