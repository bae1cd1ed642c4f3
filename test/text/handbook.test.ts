import { expect, test } from "vitest";
import { parseHandbook, splitReferences } from "../../src/text/handbook.ts";

const TEXT = [
  "Notes of my own.",
  "# Task Group: shop",
  "scope: work on the shop",
  "applies_to: cwd=/srv/a; b; reuse_rule=safe here",
  "",
  "## Task 1: fix parts",
  "### rollout_summary_files",
  "- rollout_summaries/a.md (cwd=/srv/a, updated_at=x, thread_id=a, b)",
  "- see rollout_summaries/b.md",
  "### keywords",
  "- shop, , parts",
  "## User preferences",
  "- run tests first [Task 1] [Task 2]",
  "# A heading of somebody else",
  "- of [Task 9], in its middle",
  "# Task Group: manners",
].join("\n");

test("the handbook is read as groups of tasks and statements, by the lines they stand on", () => {
  const { preamble, groups } = parseHandbook(TEXT);
  expect(preamble).toBe("Notes of my own.");
  expect(groups.map(({ sections, text, ...group }) => ({ ...group, sections: sections.length }))).toEqual([
    {
      line: 2,
      family: "shop",
      hasScope: true,
      cwd: "/srv/a; b",
      sections: 3,
      tasks: [
        {
          line: 6,
          number: 1,
          title: "fix parts",
          keywords: ["shop", "parts"],
          citations: [
            { line: 8, path: "rollout_summaries/a.md", rest: " (cwd=/srv/a, updated_at=x, thread_id=a, b)" },
          ],
        },
      ],
      statements: [
        { line: 13, text: "run tests first", tasks: [1, 2] },
        { line: 15, text: "of [Task 9], in its middle", tasks: [] },
      ],
    },
    { line: 16, family: "manners", hasScope: false, cwd: null, sections: 0, tasks: [], statements: [] },
  ]);
});

test.each([
  ["a [Task 1]", "a", [1]],
  ["a [Task 12] [Task 3][Task 400000] ", "a", [12, 3, 400_000]],
  ["[Task 1]", "", [1]],
  ["a [Task 1] b ", "a [Task 1] b ", []],
  ["a [Task 1].", "a [Task 1].", []],
  ["a [Task 1234567]", "a [Task 1234567]", []],
  ["", "", []],
])("the references at the end of %j are taken off", (statement, text, tasks) => {
  expect(splitReferences(statement)).toEqual({ text, tasks });
});

test("line ends of Windows change nothing", () => {
  const [a, b] = [TEXT, TEXT.replaceAll("\n", "\r\n")].map((text) => parseHandbook(text).groups);
  expect(b).toEqual(a);
});

test.each([
  ["white space", " ".repeat(64 * 1024)],
  ["line breaks", "\n".repeat(64 * 1024)],
  ["references", `${"[Task 1] ".repeat(20_000)}x`],
  ["headings", "## \n".repeat(16_000)],
])("much of %s takes no noticeable time", (_, text) => {
  const before = process.cpuUsage();
  parseHandbook(`# Task Group: x\n- ${text}.\n${text}`);
  splitReferences(`x${text}x`);
  const { user } = process.cpuUsage(before);
  expect(user / 1_000).toBeLessThan(1_500);
});
