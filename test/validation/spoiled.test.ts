import { createReadStream } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import type { Stage1Output } from "../../src/domain/memory.ts";
import { readStage1 } from "../../src/import/stage1-file.ts";
import { type Base, NO_BASE } from "../../src/validation/candidate.ts";
import { baseOf, candidateOf, consolidatedFiles, verdictOn } from "./candidates.ts";

/** A sixth of the samples, over all their projects; real sessions where `SLOWWAVE_CORPUS` names a file of them. */
const CORPUS = process.env.SLOWWAVE_CORPUS;
const FILE = CORPUS ?? new URL("../../samples/stage1.jsonl", import.meta.url).pathname;

let inputs: readonly Stage1Output[] = [];
let memory = "";
let summary = "";
let base: Base = NO_BASE;

beforeAll(async () => {
  const { outputs } = await readStage1(createReadStream(FILE));
  inputs = CORPUS === undefined ? outputs.filter((_, at) => at % 6 === 0) : outputs;
  const files = await consolidatedFiles(inputs);
  memory = files["MEMORY.md"];
  summary = files["memory_summary.md"];
  base = baseOf(await candidateOf(inputs, files));
}, 60_000);

const groupsOf = (text: string) => text.split(/(?=^# Task Group:)/m);
const lines = (change: (line: string, at: number) => string) => (text: string) =>
  text
    .split("\n")
    .map((line, at) => (line === "" ? line : change(line, at)))
    .join("\n");
const opening = (talk: string) => (text: string) => `${talk}\n\n${text}`;
const ending = (talk: string) => (text: string) => `${text}\n${talk}\n`;
const between = (talk: string) => (text: string) => {
  const groups = groupsOf(text);
  return [...groups.slice(0, 1), `${talk}\n\n`, ...groups.slice(1)].join("");
};
const isStatement = (line: string) => line.startsWith("- ") && line.includes("[Task ");
const utf8AsLatin = (encoding: string) => (text: string) =>
  new TextDecoder(encoding).decode(Buffer.from(text));

type Spoil = readonly [name: string, spoil: (text: string) => string];

/** What gives itself away without a memory before it. */
const SPOILED: readonly Spoil[] = [
  ["in a fence", (text) => `\`\`\`markdown\n${text}\n\`\`\`\n`],
  ["in a fence of tildes", (text) => `~~~\n${text}~~~\n`],
  ["in a fence that never ends", (text) => `\`\`\`md\n${text}`],
  ["after a word to the user", opening("Here is the updated MEMORY.md with the new notes folded in:")],
  [
    "after a longer word to the user",
    opening("Sure! I went through all the notes.\n\nBelow you find the file."),
  ],
  ["after a word in German", opening("Hier ist die aktualisierte Datei:")],
  ["after a word in Chinese", opening("以下是更新后的记忆文件:")],
  ["after a plan", opening("I will first read the notes, then merge them.")],
  ["after a bold label", opening("**MEMORY.md**")],
  ["before a word to the user", ending("\nLet me know if you would like me to adjust anything!")],
  ["before a word that follows at once", ending("Let me know if this works for you.")],
  ["before a list of changes", ending("\nI merged three groups and removed two tasks.")],
  ["before a word in French", ending("\nN'hésitez pas à me dire si quelque chose manque.")],
  ["before a word in Japanese", ending("\n何かあればお知らせください。")],
  ["before a word in Russian", ending("\nДайте знать, если нужно что-то изменить.")],
  ["before a token count", ending("\n(4,212 tokens used)")],
  ["with a word between its groups", between("Now the remaining groups:")],
  ["with thoughts", opening("<think>I should fold the new notes in</think>")],
  ["with thoughts over lines", opening("<thinking>\nFirst the groups.\n</thinking>")],
  ["with thoughts between its groups", between("<reasoning>The next group is older.</reasoning>")],
  ["with the end of a tool call", ending("</content>\n</invoke>")],
  ["with the end of a parameter", ending("</parameter>")],
  ["with a tag of its own", (text) => `<memory_file>\n${text}</memory_file>\n`],
  ["in a page of HTML", (text) => `<html><body><pre>\n${text}</pre></body></html>\n`],
  ["with a mark of a tool", ending("[TOOL_CALL]")],
  ["with the arguments of a tool", opening('{"name": "write_file", "arguments": {"path": "MEMORY.md"}}')],
  ["as a here-document", (text) => `cat > MEMORY.md <<'EOF'\n${text}EOF\n`],
  ["with the end of a here-document", ending("EOF")],
  [
    "as a patch",
    (text) =>
      `*** Begin Patch\n*** Update File: MEMORY.md\n@@\n${lines((line) => `+${line}`)(text)}\n*** End Patch\n`,
  ],
  [
    "as a unified diff",
    (text) => `--- a/MEMORY.md\n+++ b/MEMORY.md\n@@ -0,0 +1,9 @@\n${lines((line) => `+${line}`)(text)}`,
  ],
  ["with marks of a conflict", between("<<<<<<< HEAD\n=======\n>>>>>>> theirs")],
  ["with marks of search and replace", (text) => `<<<<<<< SEARCH\n=======\n${text}>>>>>>> REPLACE\n`],
  ["with the numbers of its lines", lines((line, at) => `${String(at + 1).padStart(6)}\t${line}`)],
  ["with numbers and arrows", lines((line, at) => `${at + 1}→${line}`)],
  ["with numbers and bars", lines((line, at) => `${at + 1} | ${line}`)],
  ["with escaped line breaks", (text) => text.replaceAll("\n", "\\n")],
  ["as JSON", (text) => `${JSON.stringify({ path: "MEMORY.md", content: text })}\n`],
  ["as a JSON string", (text) => JSON.stringify(text)],
  ["in base64", (text) => `${Buffer.from(text).toString("base64")}\n`],
  ["as a quotation", lines((line) => `> ${line}`)],
  [
    "with HTML entities",
    (text) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll(">", "&gt;"),
  ],
  ["read as Latin-1", utf8AsLatin("latin1")],
  ["read as Windows-1252", utf8AsLatin("windows-1252")],
  ["twice", (text) => `${text}\n${text}`],
  [
    "twice with another heading",
    (text) => `${text}\n${text.replaceAll("# Task Group: ", "# Task Group: the ")}`,
  ],
  [
    "with one bullet 300 times",
    ending("- the same thing again and again, as a model in a loop writes it\n".repeat(300)),
  ],
  ["with a short bullet 300 times", ending("- LOOP\n".repeat(300))],
  ["with one line that never ends", ending(`- ${"and then the build is run again ".repeat(200)}[Task 1]`)],
  ["with a placeholder at its end", ending("\n[Rest of the existing file content remains unchanged...]")],
  ["with dots at its end", ending("\n...")],
  ["with a placeholder as a bullet", ending("- [remaining bullets unchanged]")],
  ["with dots as a bullet", ending("- ...")],
  ["with a comment for the rest", ending("\n// ... existing groups ...")],
  ["with omitted content", ending("\n[content omitted]")],
  ["with truncated content", ending("\n(truncated, 214 more lines)")],
  ["with a placeholder in German", ending("\n[... Rest unverändert ...]")],
  ["with a placeholder in Chinese", ending("\n……(以下省略)")],
  ["with a reference to what was", ending("\n(the other groups stay the same as before)")],
  ["cut in the middle of a statement", (text) => text.slice(0, text.lastIndexOf("- ") + 14)],
];

/** What only a memory before it shows. */
const WORSE: readonly Spoil[] = [
  ["with a placeholder for all but the first group", (text) => `${groupsOf(text)[0]}\n[unchanged]\n`],
  ["without its last group", (text) => groupsOf(text).slice(0, -1).join("")],
  ["without its first group", (text) => groupsOf(text).slice(1).join("")],
  [
    "with a sentence in the place of a group",
    (text) => `${groupsOf(text).slice(0, -1).join("")}\nThe last group was merged.\n`,
  ],
  [
    "with headings alone for its groups",
    (text) =>
      groupsOf(text)
        .map((group, at) => (at === 0 ? group : `${group.split("\n").slice(0, 3).join("\n")}\n\n`))
        .join(""),
  ],
  [
    "with half of its statements",
    (text) => {
      let at = 0;
      return text
        .split("\n")
        .filter((line) => !isStatement(line) || at++ % 2 === 0)
        .join("\n");
    },
  ],
  ["with statements of 40 characters", lines((line) => (isStatement(line) ? line.slice(0, 40) : line))],
  [
    "with every statement cut to its first words",
    lines((line) => (isStatement(line) ? line.split(" ").slice(0, 4).join(" ") : line)),
  ],
  [
    "without the heads of its groups",
    (text) =>
      text
        .split("\n")
        .filter((line) => !/^(?:scope|applies_to):/.test(line))
        .join("\n"),
  ],
  [
    "without its evidence",
    (text) =>
      text
        .split("\n")
        .filter((line) => !line.startsWith("- rollout_summaries/"))
        .join("\n"),
  ],
  [
    "without its headings",
    (text) =>
      text
        .split("\n")
        .filter((line) => !line.startsWith("#"))
        .join("\n"),
  ],
  ["with bold headings", lines((line) => line.replace(/^#+ (.*)$/, "**$1**"))],
  ["indented", lines((line) => `    ${line}`)],
  [
    "as rows of a table",
    lines((line) =>
      isStatement(line) ? `| ${line.slice(2)} |` : line.replace(/^# Task Group: (.*)/, "| $1 |"),
    ),
  ],
  ["with escaped marks", (text) => text.replaceAll("`", "\\`").replaceAll("_", "\\_").replaceAll("[", "\\[")],
  [
    "as a summary of itself",
    () =>
      "# Task Group: everything\nscope: all\napplies_to: cwd=/; reuse_rule=any\n\n## Reusable knowledge\n- The memory holds many groups about the project and its tools.\n",
  ],
  ["as one sentence", () => "The memory was updated.\n"],
];

describe("a handbook is never published", () => {
  test.each([...SPOILED, ...WORSE])("%s, where there was a good one", async (_, spoil) => {
    const written = { "MEMORY.md": spoil(memory), "memory_summary.md": summary };
    const { answer } = await verdictOn(await candidateOf(inputs, written, base));
    expect(answer.verdict).not.toBe("passed");
  });

  test.each(SPOILED)("%s, where there was none", async (_, spoil) => {
    const written = { "MEMORY.md": spoil(memory), "memory_summary.md": summary };
    const { answer } = await verdictOn(await candidateOf(inputs, written));
    expect(answer.verdict).not.toBe("passed");
  });
});

describe("a summary is never published", () => {
  test.each<Spoil>([
    ["in a fence", (text) => `\`\`\`\n${text}\`\`\`\n`],
    ["with a fence after its first line", (text) => text.replace("v1\n", "v1\n```markdown\n")],
    [
      "after a word to the user",
      (text) => text.replace("v1\n", "v1\n\nHere is the updated memory summary:\n"),
    ],
    ["before a word to the user", ending("\nLet me know if you would like me to adjust anything!")],
    ["with thoughts", (text) => text.replace("v1\n", "v1\n<think>short</think>\n")],
    ["with the end of a tool call", ending("</parameter>")],
    ["with a placeholder", (text) => `${text.split("## General Tips")[0]}\n[rest unchanged]\n`],
    ["without its index", (text) => text.split("## What's in Memory")[0] ?? ""],
    ["twice", (text) => `${text}\n${text}`],
    ["with the numbers of its lines", lines((line, at) => `${at + 1}\t${line}`)],
    ["with escaped line breaks", (text) => `v1\n${text.slice(3).replaceAll("\n", "\\n")}\n`],
    ["with entities", (text) => text.replaceAll('"', "&quot;").replaceAll(">", "&gt;")],
  ])("%s", async (_, spoil) => {
    const written = { "MEMORY.md": memory, "memory_summary.md": spoil(summary) };
    const { answer } = await verdictOn(await candidateOf(inputs, written, base));
    expect(answer.verdict).not.toBe("passed");
  });
});

/** Edits that an agent makes with reason; findings of these would keep a memory from being renewed. */
describe("a handbook passes without a finding", () => {
  const renumbered = (text: string) => text;
  test.each<Spoil>([
    ["as it was", renumbered],
    [
      "with its groups in another order",
      (text) =>
        groupsOf(text)
          .reverse()
          .join("")
          .replaceAll(/\n*(?=# Task Group)/g, "\n\n")
          .trimStart(),
    ],
    [
      "with its statements in another order",
      (text) =>
        text
          .split(/(?<=^## (?:User preferences|Reusable knowledge|Failures and how to do differently)\n)/m)
          .join(""),
    ],
    [
      "with a few statements fewer",
      (text) => {
        let at = 0;
        return text
          .split("\n")
          .filter((line) => !isStatement(line) || at++ % 8 !== 0)
          .join("\n");
      },
    ],
    [
      "with statements in other words",
      lines((line) =>
        isStatement(line) ? line.replace(/\bthe\b/g, "that").replace(/\bis\b/g, "will be") : line,
      ),
    ],
    [
      "with shorter statements",
      lines((line) =>
        isStatement(line) ? line.replace(/, (?:because|since|so that|which)\b.*?(?=\s\[Task)/, "") : line,
      ),
    ],
    [
      "with another name of a group",
      (text) => text.replace(/^# Task Group: (.*)$/m, "# Task Group: $1 and its neighbours"),
    ],
    ["with a title", (text) => `# Memory\n\n${text}`],
    ["with rules between its groups", (text) => groupsOf(text).join("---\n\n")],
    [
      "with one more statement",
      (text) =>
        `${text.trimEnd()}\n- The cache lives in redis, here is the file that says so: \`redis.conf\` [Task 1]\n`,
    ],
    [
      "with a statement about thoughts",
      (text) =>
        `${text.trimEnd()}\n- Models answer with \`<think>\` tags; strip them before parsing [Task 1]\n`,
    ],
    [
      "with a statement about omissions",
      (text) =>
        `${text.trimEnd()}\n- Never write "[rest unchanged]" into a file: the user wants whole files [Task 1]\n`,
    ],
    [
      "with a piece of code",
      (text) =>
        `${text.trimEnd()}\n- The build:\n  \`\`\`sh\n  cat > x <<EOF\n  EOF\n  \`\`\`\n  is run by hand [Task 1]\n`,
    ],
    [
      "with a statement over two lines",
      (text) => `${text.trimEnd()}\n- The cache lives in redis,\n  and so do the sessions [Task 1]\n`,
    ],
    ["without a line feed at its end", (text) => text.trimEnd()],
  ])("%s", async (_, edit) => {
    const written = { "MEMORY.md": edit(memory), "memory_summary.md": summary };
    const { findings } = await verdictOn(await candidateOf(inputs, written, base));
    expect(findings.map(({ code, message }) => `${code}: ${message}`)).toEqual([]);
  });

  test("with two groups merged into one", async () => {
    const [first = "", second = "", ...rest] = groupsOf(memory);
    const count = first.split(/^## Task \d+:/m).length - 1;
    const shifted = second.replace(
      /(## Task |\[Task )(\d+)/g,
      (_, mark: string, number: string) => `${mark}${Number(number) + count}`,
    );
    const parts = (group: string) => group.split(/(?=^## (?:User preferences|Reusable knowledge|Failures))/m);
    const [head = "", ...lists] = parts(first);
    const [tasks = "", ...more] = parts(shifted);
    const merged = [head, tasks.slice(tasks.indexOf("## Task")), ...lists, ...more].join("");
    const written = { "MEMORY.md": [merged, ...rest].join(""), "memory_summary.md": summary };
    const { findings } = await verdictOn(await candidateOf(inputs, written, base));
    expect(findings).toEqual([]);
  });

  test("without the groups whose sessions are gone", async () => {
    const gone = /cwd=([^;]*)/.exec(groupsOf(memory)[1] ?? "")?.[1] ?? "";
    const left = inputs.filter(({ cwd }) => cwd !== gone);
    const candidate = await candidateOf(left, await consolidatedFiles(left), base);
    expect(left.length).toBeLessThan(inputs.length);
    expect((await verdictOn(candidate)).findings).toEqual([]);
  });
});

test("what holds in several projects may be said in the group of each", async () => {
  const some = Array.from(
    { length: 30 },
    (_, n): Stage1Output => ({
      threadId: `thread-${n}`,
      sourceUpdatedAt: 1_774_212_000 + n,
      generatedAt: 1_774_212_000 + n,
      rawMemory: "- The build uses pnpm and Node 22.",
      rolloutSummary: "Built the shop.",
      rolloutSlug: null,
      gitBranch: null,
      cwd: `/home/dev/project-${n}`,
      rolloutPath: "",
    }),
  );
  const { answer } = await verdictOn(await candidateOf(some, await consolidatedFiles(some)));
  expect(answer.verdict).toBe("passed");
});
