import { expect, test } from "vitest";
import { carryOver, lostHandEdits } from "../../src/memory-files/carry-over.ts";
import { locateHandEdits } from "../../src/memory-files/hand-blocks.ts";
import { moveHandEdits, recordHandEdits } from "../../src/memory-files/hand-edits.ts";

const HEAD = [
  "# Task Group: shop",
  "scope: what 2 sessions in shop learned",
  "applies_to: cwd=/w/shop; reuse_rule=here",
  "",
];
const task = (number: number, title: string, file: string, keywords: string) => [
  `## Task ${number}: ${title}`,
  "### rollout_summary_files",
  "",
  `- rollout_summaries/${file}.md (cwd=/w/shop, updated_at=2026-01-01, thread_id=${file})`,
  "",
  "### keywords",
  "",
  `- ${keywords}`,
  "",
];
const KNOWN = ["- The index is rebuilt with make reindex. [Task 1]", "- Tests run with vitest. [Task 2]"];
const made = [
  ...HEAD,
  ...task(1, "Index", "a", "index, make"),
  ...task(2, "Tests", "b", "vitest"),
  "## Reusable knowledge",
  "",
  ...KNOWN,
];
/** What an agent makes of it with one more session: tasks in another order, another scope, one more bullet. */
const next = [
  "# Task Group: shop",
  "scope: what 3 sessions in shop learned",
  ...HEAD.slice(2),
  ...task(1, "Deploy", "c", "deploy"),
  ...task(2, "Tests", "b", "vitest"),
  ...task(3, "Index", "a", "index, make"),
  "## Reusable knowledge",
  "",
  "- Deploys are frozen on Fridays. [Task 1]",
  "- The index is rebuilt with make reindex. [Task 3]",
  "- Tests run with vitest. [Task 2]",
];
const text = (lines: readonly string[]) => `${lines.join("\n")}\n`;
const GENERATED = { text: text(made), edits: [] };

/** The person changes the file; the agent writes its own version; then the host carries the edits over. */
function carried(edit: (lines: string[]) => void, result: readonly string[] = next) {
  const lines = [...made];
  edit(lines);
  const base = { text: text(lines), edits: recordHandEdits(GENERATED, text(lines)) };
  const after = carryOver(base, text(result));
  return { base, after, lines: after.text.trimEnd().split("\n") };
}

const insert =
  (after: string, ...own: string[]) =>
  (lines: string[]) => {
    const at = lines.indexOf(after);
    expect(at).toBeGreaterThanOrEqual(0);
    lines.splice(at + 1, 0, ...own);
  };
const replace = (old: string, now: string) => (lines: string[]) => {
  expect(lines.includes(old)).toBe(true);
  lines[lines.indexOf(old)] = now;
};

const LAST = KNOWN[1] ?? "";
test.each<[string, (lines: string[]) => void, readonly string[]]>([
  ["a bullet", insert("## Reusable knowledge", "", "- Mine."), ["- Mine."]],
  [
    "prose under a header",
    insert(HEAD[2] ?? "", "The lead reads this."),
    ["applies_to: cwd=/w/shop; reuse_rule=here", "The lead reads this."],
  ],
  [
    "a nested bullet",
    insert(KNOWN[0] ?? "", "  - only after lunch"),
    ["- The index is rebuilt with make reindex. [Task 3]", "  - only after lunch"],
  ],
  [
    "a numbered item and a quote",
    insert(LAST, "1. first", "> said so"),
    ["- Tests run with vitest. [Task 2]", "1. first", "> said so"],
  ],
  [
    "a code block",
    insert(LAST, "```sh", "# not a heading", "make", "```"),
    ["```sh", "# not a heading", "make", "```"],
  ],
  [
    "a bullet among citations",
    insert(
      "- rollout_summaries/a.md (cwd=/w/shop, updated_at=2026-01-01, thread_id=a)",
      "- never on Fridays",
    ),
    ["- rollout_summaries/a.md (cwd=/w/shop, updated_at=2026-01-01, thread_id=a)", "- never on Fridays"],
  ],
  [
    "a section in a task",
    insert("- index, make", "", "### traps", "", "- no bash there"),
    ["### traps", "", "- no bash there"],
  ],
  ["a section in a group", insert(LAST, "", "## Gotchas", "", "- no bash"), ["## Gotchas", "", "- no bash"]],
  [
    "words appended to a bullet",
    replace(KNOWN[0] ?? "", "- The index is rebuilt with make reindex (wrong since May). [Task 1]"),
    ["- The index is rebuilt with make reindex (wrong since May). [Task 3]"],
  ],
  [
    "a bullet turned round",
    replace(LAST, "- Tests do NOT run with vitest. [Task 2]"),
    ["- Tests do NOT run with vitest. [Task 2]"],
  ],
  ["the scope", replace(HEAD[1] ?? "", "scope: ask the lead"), ["# Task Group: shop", "scope: ask the lead"]],
  ["a task's title", replace("## Task 1: Index", "## Task 1: My title"), ["## Task 3: My title"]],
  ["a keyword", replace("- index, make", "- index, make, mine"), ["### keywords", "", "- index, make, mine"]],
  [
    "text before the first group",
    (lines) => lines.unshift("Read me.", ""),
    ["Read me.", "", "# Task Group: shop"],
  ],
  [
    "a group with a folder",
    (lines) =>
      lines.push(
        "",
        "# Task Group: rules",
        "scope: all",
        "applies_to: cwd=/home; reuse_rule=always",
        "",
        "## User preferences",
        "",
        "- Be brief.",
      ),
    [
      "# Task Group: rules",
      "scope: all",
      "applies_to: cwd=/home; reuse_rule=always",
      "",
      "## User preferences",
      "",
      "- Be brief.",
    ],
  ],
  [
    "a group without a folder",
    (lines) => lines.push("", "# Task Group: loose", "", "Reboots at four."),
    ["# Task Group: loose", "", "Reboots at four."],
  ],
])("%s of a person's stands in its place, once, three runs long", (_, edit, expected) => {
  let { base, after } = carried(edit);
  for (let run = 0; run < 3; run += 1) {
    const lines = after.text.split("\n");
    const at = lines.findIndex((_line, from) =>
      expected.every((want, place) => lines[from + place] === want),
    );
    expect({ at, text: at < 0 ? after.text : "" }).toEqual({ at: expect.any(Number), text: "" });
    const mine = expected.filter((line) => !made.includes(line) && !next.includes(line) && line !== "");
    for (const line of mine) expect(lines.filter((other) => other === line)).toEqual([line]);
    expect(lostHandEdits(base, after.text)).toEqual([]);
    expect(carryOver(base, after.text)).toEqual(after);
    expect(locateHandEdits(base, after.text)).toEqual(after.edits);
    base = after;
    after = carryOver(base, text(next));
  }
});

test("a bullet that a person took away does not come back, nor the old form of one they corrected", () => {
  const { base, after, lines } = carried((all) => {
    all.splice(all.indexOf(LAST), 1);
    replace(KNOWN[0] ?? "", "- The index is NOT rebuilt. [Task 1]")(all);
  });
  expect(lines.slice(lines.indexOf("## Reusable knowledge"))).toEqual([
    "## Reusable knowledge",
    "",
    "- Deploys are frozen on Fridays. [Task 1]",
    "- The index is NOT rebuilt. [Task 3]",
  ]);
  expect(lostHandEdits(base, text(next)).map(({ kind, text: line }) => [kind, line])).toEqual([
    ["missing", "- The index is NOT rebuilt. [Task 1]"],
    ["back", "- The index is rebuilt with make reindex. [Task 3]"],
    ["back", "- Tests run with vitest. [Task 2]"],
  ]);
  const again = carryOver(after, text(next));
  expect(again.text).toBe(after.text);
});

test("words about a task that is no more go to what the group knows; a group that is no more comes back for them", () => {
  const own = insert("- index, make", "Ask before you touch it. [Task 1]");
  const without = [
    ...HEAD,
    ...task(1, "Tests", "b", "vitest"),
    "## Reusable knowledge",
    "",
    "- Tests run with vitest. [Task 1]",
  ];
  expect(carried(own, without).lines).toEqual([
    ...without.slice(0, -1),
    "Ask before you touch it.",
    "- Tests run with vitest. [Task 1]",
  ]);
  const other = [
    "# Task Group: other",
    "scope: s",
    "applies_to: cwd=/o",
    "",
    "## Reusable knowledge",
    "",
    "- x",
  ];
  expect(carried(insert("## Reusable knowledge", "", "- Mine. [Task 1]"), other).lines).toEqual([
    ...HEAD,
    "## Reusable knowledge",
    "",
    "- Mine.",
    "",
    ...other,
  ]);
});

test("line endings, a byte-order mark and decomposed letters are no edit", () => {
  const base = { text: text([...made, "- Das Café zählt."]), edits: [] };
  const saved = `\ufeff${base.text.replaceAll("\n", "\r\n").normalize("NFD")}`;
  expect(recordHandEdits(base, saved)).toEqual([]);
  const own = saved.replace("vitest.", "vitest, always.");
  expect(recordHandEdits(base, own)).toMatchObject([{ lines: 1 }]);
  expect(carryOver({ text: own, edits: recordHandEdits(base, own) }, text(next)).text).toContain(
    "\n- Tests run with vitest, always. [Task 2]\n",
  );
});

test("edits follow their lines into a version from which something else was taken", () => {
  const { base } = carried(insert(LAST, "- Mine."));
  const rest = base.text
    .split("\n")
    .filter((line) => !/Index|index/.test(line))
    .join("\n");
  const at = rest.split("\n").indexOf("- Mine.");
  expect(moveHandEdits(base, rest)).toEqual([{ line: at, lines: 1, replaced: [] }]);
});

test("a file that only an agent touched is the agent's, byte for byte", () => {
  expect(carryOver(GENERATED, text(next))).toEqual({ text: text(next), edits: [] });
});
