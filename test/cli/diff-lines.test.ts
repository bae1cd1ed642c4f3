import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { diffLines, diffTextLines, statLines } from "../../src/cli/ui/diff-lines.ts";
import { type Line, rendered } from "../../src/cli/ui/text.ts";
import { type FileDiff, unified } from "../../src/memory-files/compare.ts";
import { commandLine, line, temporaryFolder } from "./invoke.ts";

const ESC = "\u001b";
const paint = { red: `${ESC}[31m`, green: `${ESC}[32m`, cyan: `${ESC}[36m`, plain: `${ESC}[39m` };
const bold = (text: string) => `${ESC}[1m${text}${ESC}[22m`;

const shown = (lines: readonly Line[]) => lines.map((one) => rendered(one, { colors: true }));

const file = (path: string, ...lines: string[]): FileDiff => ({
  path,
  change: "modified",
  added: lines.filter((one) => one.startsWith("+")).length,
  removed: lines.filter((one) => one.startsWith("-")).length,
  hunks: [
    {
      range: `@@ -1,${lines.filter((one) => !/^[+\\]/.test(one)).length} +1,${lines.filter((one) => !/^[-\\]/.test(one)).length} @@`,
      lines,
    },
  ],
});

describe("a diff in a terminal", () => {
  const files = [
    file("MEMORY.md", " kept", "-- a/MEMORY.md", "-old", "++ b/other.md", "+@@ -1,1 +1,1 @@", "+new"),
    file("skills/a/run.sh", "-x", "\\ No newline at end of file", "+y"),
  ];
  const wanted = [
    bold("--- a/MEMORY.md"),
    bold("+++ b/MEMORY.md"),
    `${paint.cyan}@@ -1,3 +1,4 @@${paint.plain}`,
    " kept",
    `${paint.red}-- a/MEMORY.md${paint.plain}`,
    `${paint.red}-old${paint.plain}`,
    `${paint.green}++ b/other.md${paint.plain}`,
    `${paint.green}+@@ -1,1 +1,1 @@${paint.plain}`,
    `${paint.green}+new${paint.plain}`,
    bold("--- a/skills/a/run.sh"),
    bold("+++ b/skills/a/run.sh"),
    `${paint.cyan}@@ -1,1 +1,1 @@${paint.plain}`,
    `${paint.red}-x${paint.plain}`,
    `${ESC}[2m\\ No newline at end of file${ESC}[22m`,
    `${paint.green}+y${paint.plain}`,
  ];

  test("additions are green, removals red, places cyan, and only heads of files bold, whatever the memory says", () => {
    expect(shown(diffLines(files))).toEqual(wanted);
  });

  test("a dry run's diff, one text, is painted the same", () => {
    expect(shown(diffTextLines(unified(files, 10_000).replace(/\n$/, "")))).toEqual(wanted);
  });

  test("what a terminal hides is told: two lines that differ never look the same", () => {
    const lines = ["-plain", "+pla\u200bin", "+plain\r", "+\tplain", "+pl\u202eain\u{e0041}", "+\u00adplain"];
    expect(
      diffLines([file("a.md", ...lines)])
        .slice(3)
        .map((one) => rendered(one, { colors: false })),
    ).toEqual([
      "-plain",
      "+pla<U+200B>in",
      "+plain␍",
      "+    plain",
      "+pl<U+202E>ain<U+E0041>",
      "+<U+00AD>plain",
    ]);
  });

  test("emoji and scripts that join letters stay as they are read", () => {
    const [, , , emoji, persian] = diffLines([file("a.md", "+❤\ufe0f 👩\u200d💻", "+می\u200cخواهم")]);
    expect([emoji, persian].map((one) => JSON.stringify(one)).join()).not.toContain("U+");
  });

  test("escape sequences in lines and names reach no terminal", () => {
    const hostile = file(`skills/a/${ESC}]0;owned${ESC}\\.md`, `+${ESC}[2J${ESC}[31mred`, "+a\u009b2Jb");
    const text = shown([...diffLines([hostile]), ...statLines([hostile])]).join("\n");
    const ours = text.replaceAll(/\u001b\[(?:1|2|22|3[1269])m/g, "");
    expect(ours).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  });

  test("in counts, one very long name doesn't push the others' counts away", () => {
    const long = `skills/a/${"x".repeat(190)}.md`;
    const wide = "skills/記憶/a.md";
    const some = [file("MEMORY.md", "+a"), file(long, "-a"), file("raw_memories.md", "+a"), file(wide, "+a")];
    const lines = statLines(some);
    expect(lines.map((one) => rendered(one, { colors: false }))).toEqual([
      "M MEMORY.md         +1 -0",
      `M ${long}  +0 -1`,
      "M raw_memories.md   +1 -0",
      `M ${wide}  +1 -0`,
      "4 files, +3 -1 lines",
    ]);
  });
});

describe("colours", () => {
  async function published(env: Readonly<Record<string, string>> = {}) {
    const folder = temporaryFolder();
    await commandLine({ stdin: [`${line()}\n`] }, folder).slowwave("import", "-");
    const here = commandLine({ columns: 80, env }, folder);
    await commandLine({}, folder).slowwave("run");
    return here;
  }

  test("are there in a terminal, also in counts", async () => {
    const { slowwave } = await published();
    expect((await slowwave("diff")).stdout).toContain(`${paint.green}+# Task Group:`);
    expect((await slowwave("diff", "--stat")).stdout).toMatch(
      /\u001b\[32m\+\d+\u001b\[39m \u001b\[31m-0\u001b\[39m/,
    );
  });

  test("are not where NO_COLOR or TERM=dumb objects, nor in JSON", async () => {
    for (const env of [{ NO_COLOR: "1" }, { TERM: "dumb" }]) {
      const { slowwave } = await published(env);
      const { stdout, stderr } = await slowwave("diff");
      expect(stdout + stderr).not.toContain(ESC);
    }
    const { slowwave } = await published();
    expect((await slowwave("diff", "--json")).stdout).not.toContain(ESC);
  });
});

test("what was changed by hand since is announced, and shown on demand", async () => {
  const folder = temporaryFolder();
  await commandLine({ stdin: [`${line()}\n`] }, folder).slowwave("import", "-");
  const { home, slowwave, json } = commandLine({}, folder);
  await slowwave("run");
  expect((await slowwave("diff", "--edits")).stderr).toContain("No difference.");
  appendFileSync(join(home, "memories/MEMORY.md"), "- By hand.\n");
  writeFileSync(join(home, "memories/rollout_summaries/mine.md"), "mine\n");
  expect((await slowwave("diff")).stderr).toContain(
    "The memory folder was edited by hand since then (1 added, 1 modified files); `slowwave diff --edits` shows it.\n",
  );
  const edits = await slowwave("diff", "--edits");
  expect(edits.stdout).toMatch(
    /^--- a\/MEMORY\.md\n\+\+\+ b\/MEMORY\.md\n@@ .* @@\n[\s\S]*\n\+- By hand\.\n/,
  );
  expect(edits.stdout).toContain("+++ b/rollout_summaries/mine.md\n@@ -0,0 +1,1 @@\n+mine\n");
  expect(edits.stderr).toMatch(/to {4}the memory folder as it is now\n$/);
  expect(await json("diff", "--edits", "--stat")).toMatchObject({
    code: 0,
    value: {
      from: { kind: "published" },
      to: null,
      files: [{ path: "MEMORY.md", change: "modified", added: 1, removed: 0 }, { change: "added" }],
    },
  });
  // Looking makes no generation.
  expect((await json("diff", "--list")).value).toMatchObject({ generations: [{ kind: "published" }] });
  expect(await json("diff", "1", "--edits")).toMatchObject({ code: 2 });
});
