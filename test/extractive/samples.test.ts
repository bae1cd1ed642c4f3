import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { consolidate } from "../../src/extractive/consolidate.ts";
import { readHandbook } from "../../src/extractive/handbook.ts";
import { tokensOf } from "../../src/text/tokens.ts";
import { bullets, statements } from "./sessions.ts";

interface Row {
  readonly thread_id: string;
  readonly source_updated_at: string;
  readonly cwd: string;
  readonly rollout_path: string;
  readonly raw_memory: string;
  readonly rollout_summary: string;
}

/** The committed samples, laid out as the host does it. */
const rows = readFileSync(new URL("../../samples/stage1.jsonl", import.meta.url), "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as Row)
  .map((row) => ({
    ...row,
    at: new Date(row.source_updated_at).toISOString().replace(/\.\d+Z$/, "+00:00"),
    file: `${row.thread_id}.md`,
  }))
  .sort((a, b) => (a.at < b.at ? 1 : -1));
const input = {
  rawMemories: rows
    .map(
      (row) =>
        `## Thread \`${row.thread_id}\`\nupdated_at: ${row.at}\ncwd: ${row.cwd}\nrollout_path: ${row.rollout_path}\nrollout_summary_file: ${row.file}\n\n${row.raw_memory.trim()}\n\n`,
    )
    .join(""),
  summaries: rows.map((row) => ({
    name: row.file,
    text: `thread_id: ${row.thread_id}\nupdated_at: ${row.at}\nrollout_path: ${row.rollout_path}\ncwd: ${row.cwd}\n\n${row.rollout_summary}\n`,
  })),
};
const { memory, summary } = consolidate(input);
const said = statements(memory);

/** How many bullets of English notes match, with the number of tasks they refer to. */
const found = (pattern: RegExp) => bullets(memory).filter((bullet) => pattern.test(bullet));

describe("the samples, as their README describes them", () => {
  test.each([
    ["Linting is done with oxlint", "are done with biome"],
    ["`>=20`", "`>=22.14`"],
    ["margin of 60 seconds", "margin of 300 seconds"],
    ["uses RxJS `interval(90_000)`", "timer(0, 90_000)"],
    ["vitest run --no-file-parallelism", "plain `npx vitest run`"],
    ["`synchronous=NORMAL`", "`synchronous=FULL`"],
    ["Publishing works by directory swap", "Publishing works by journaled renames"],
    ["A failed check rejects the run at once", "A failed check goes back to the agent"],
    ["reach the page over a WebSocket", "reach the page over server-sent events"],
    ["elkjs runs in the browser", "elkjs runs at build time only"],
    ["the mean of all rounds", "the median of three"],
    ["readTextFile: true", "readTextFile: false"],
    ["SIGTERM to the process group first", "sends `session/cancel`"],
    ["höchstens 150 Zeilen", "fewer than 100 lines"],
  ])("no longer say %j but %j", (before, now) => {
    expect([said.filter((text) => text.includes(before)), said.some((text) => text.includes(now))]).toEqual([
      [],
      true,
    ]);
  });

  test("say once what was said several times", () => {
    const once = [
      /createTestModel/,
      /"no sleeps in tests[.,] own/,
      /"commit early/,
      /"don't touch names/,
      /"the page must not talk/,
      /"Klare Worte/,
    ].map((pattern) => [
      pattern.source,
      found(pattern).filter((bullet) => !/[\u3400-\u9fff]/.test(bullet)).length,
    ]);
    expect(once.filter(([, count]) => count !== 1)).toEqual([]);
    expect(found(/"no sleeps in tests[.,] own/)[0]?.match(/\[Task/g)?.length).toBeGreaterThan(2);
  });

  test("keep wishes in the user's words and languages", () => {
    for (const wish of ["one file, one thing", "an agent does not outlive us. ever"])
      expect([wish, found(new RegExp(wish)).length > 0]).toEqual([wish, true]);
  });

  test("leave out noise and obey nothing", () => {
    expect(memory + summary).not.toMatch(
      /All tests pass|run the tests again|once more\.|looks good now|clean up the containers|[Ee]xit code 0|4711|Checked 61|is green|files edited|Ignore all previous|olvida tus|everything is allowed/,
    );
  });

  test("stay in their projects, cite only sessions of theirs, and keep within bounds", () => {
    const groups = readHandbook(memory).groups;
    const folders = new Map(rows.map((row) => [row.thread_id, row.cwd]));
    for (const { cwd, tasks } of groups)
      for (const { threadId } of tasks.flatMap(({ citations }) => citations))
        expect(cwd?.split(", ")).toContain(folders.get(threadId));
    expect(Buffer.byteLength(memory)).toBeLessThanOrEqual(60 * 1024);
    expect(tokensOf(summary)).toBeLessThanOrEqual(2_500);
    for (const { tasks, items } of groups) {
      const numbers = new Set(tasks.map(({ number }) => number));
      for (const item of Object.values(items).flat())
        expect(item.tasks.filter((number) => numbers.has(number)).length).toBeGreaterThan(0);
    }
  });
});
