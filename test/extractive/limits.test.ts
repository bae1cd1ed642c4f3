import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { consolidate } from "../../src/extractive/consolidate.ts";
import { readHandbook } from "../../src/extractive/handbook.ts";
import { tokensOf } from "../../src/text/tokens.ts";
import { inputOf, type Session, statements } from "./sessions.ts";

/** Seconds of processor time, so that a busy machine doesn't fail what is quick. */
const within = (seconds: number, work: () => void) => {
  const start = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(start);
  expect((user + system) / 1_000_000).toBeLessThan(seconds);
};

describe("hostile sizes take time in proportion", { timeout: 60_000 }, () => {
  const mebibyte = 1024 * 1024;
  test.each([
    ["one line of a mebibyte", "a ".repeat(mebibyte / 2)],
    ["one word of a mebibyte", "x".repeat(mebibyte)],
    ["ten thousand headings", "## Facts\n".repeat(10_000)],
    [
      "ten thousand items",
      Array.from({ length: 10_000 }, (_, at) => `- Fact ${at} is always about thing ${at * 7}.`).join("\n"),
    ],
    ["open quotes and brackets", '"([{<`*_„«'.repeat(mebibyte / 10)],
    ["unclosed comments", "<!-- ".repeat(mebibyte / 5)],
    ["unclosed fences", "```\n~~~\n".repeat(mebibyte / 8)],
    ["table pipes", "| a | b |\n".repeat(mebibyte / 10)],
    ["paths and colons", "a/b.c:1:2: ".repeat(mebibyte / 11)],
    ["spaces", `- x${" ".repeat(mebibyte)}y`],
    ["dashes and dots", "-.".repeat(mebibyte / 2)],
    ["dashes on lines", "- - - - -\n".repeat(mebibyte / 10)],
    ["starts of threads", "## Thread `aa01`\nupdated_at: x\n".repeat(mebibyte / 32)],
    ["denials", `- ${"not no never ".repeat(mebibyte / 13)}`],
    ["letters from afar", "設".repeat(mebibyte / 3)],
  ])("%s", (_, memory) => {
    within(4, () => consolidate(inputOf([{ id: "aa01", day: 1, memory, recap: memory }])));
  });

  test("a thousand sessions of one project", () => {
    const words = [
      "index",
      "cache",
      "queue",
      "lease",
      "token",
      "parser",
      "mailer",
      "ledger",
      "upload",
      "theme",
      "search",
      "backup",
    ];
    const word = (at: number, step: number) => words[(at * step + step) % words.length] ?? "";
    const sessions: readonly Session[] = Array.from({ length: 1_000 }, (_, at) => ({
      id: `t${at}`,
      day: at,
      memory: `---\ndescription: Work on the ${word(at, 5)} and its ${word(at, 7)} number ${at % 90}\n---\n\n## Facts\n${[1, 2, 3, 4, 5].map((line) => `- The ${word(at, line)} reads the ${word(at + line, 3)} of shard ${at % 97} because ${word(at, 11)} ${line} depends on it.\n`).join("")}`,
    }));
    within(15, () => {
      const { memory, summary } = consolidate(inputOf(sessions));
      expect(Buffer.byteLength(memory)).toBeLessThanOrEqual(60 * 1024);
      expect(tokensOf(summary)).toBeLessThanOrEqual(2_500);
    });
  });

  test("the handbook stays within 60 KiB, and no group is a header without a statement", () => {
    const sessions: readonly Session[] = Array.from({ length: 600 }, (_, at) => ({
      id: `t${at}`,
      day: at % 90,
      cwd: `/w/p${at % 250}`,
      memory: `## Facts\n${Array.from({ length: 12 }, (_, line) => `- Fact ${line} of part ${at} is that valve ${at * 13 + line} opens ${"before the pump starts ".repeat(6)}always.\n`).join("")}`,
    }));
    const { memory } = consolidate(inputOf(sessions));
    expect(Buffer.byteLength(memory)).toBeLessThanOrEqual(60 * 1024);
    expect(readHandbook(memory).groups.filter(({ items }) => items.knowledge.length === 0)).toEqual([]);
  });
});

describe("whatever notes hold", { timeout: 60_000 }, () => {
  const piece = fc.oneof(
    fc.constantFrom(
      "# ",
      "## User preferences\n",
      "- ",
      "```",
      "---\n",
      "| a | b |",
      'the user said: "',
      "[Task 1]",
      "## Thread `t0`\n",
      "Task 1: ",
      "- rollout_summaries/x.md (",
      "\r\n",
      "\u202e",
      "<!--",
      "-->",
      "Symptom: ",
      "用户说：“",
      "!",
      "。",
      " never ",
      " instead of ",
    ),
    fc.string({ unit: "binary", maxLength: 30 }),
    fc.string({ maxLength: 60 }),
    fc.lorem({ maxCount: 12 }),
  );
  const note = fc.array(piece, { maxLength: 25 }).map((pieces) => pieces.join(""));
  const sessions = fc
    .array(
      fc.record({
        memory: note,
        recap: note,
        cwd: fc.constantFrom("/a", "/a/", "/A", "", "C:\\a", "/b c; reuse_rule=x"),
      }),
      { minLength: 1, maxLength: 6 },
    )
    .map((list) => list.map((session, at): Session => ({ ...session, id: `t${at}`, day: at })));

  test("the structure holds, only sessions of the input are cited, and a second run changes nothing", () => {
    fc.assert(
      fc.property(sessions, (list) => {
        const input = inputOf(list);
        const once = consolidate(input);
        const handbook = readHandbook(once.memory);
        expect(["", "No session has taught anything that is worth keeping yet."]).toContain(
          handbook.preamble,
        );
        expect(handbook.groups.flatMap(({ foreign }) => foreign)).toEqual([]);
        const cited = handbook.groups.flatMap(({ tasks }) =>
          tasks.flatMap(({ citations }) => citations.map(({ threadId }) => threadId)),
        );
        expect(cited.filter((id) => !list.some((session) => session.id === id))).toEqual([]);
        for (const statement of statements(once.memory))
          expect(statement).not.toMatch(/^[#>|-]|[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/);
        expect(once.summary.startsWith("v1\n\n## User Profile\n")).toBe(true);
        expect(once.summary.match(/^## /gm)?.length).toBe(4);
        expect((once.memory + once.summary).isWellFormed()).toBe(true);
        expect(consolidate(input)).toEqual(once);
      }),
      { numRuns: 60, seed: 7 },
    );
  });
});
