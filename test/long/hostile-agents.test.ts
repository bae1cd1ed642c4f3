import { execFileSync } from "node:child_process";
import { link, mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { GateCode } from "../../src/domain/settings.ts";
import { GATE_LIMITS } from "../../src/validation/candidate.ts";
import { besieged, type Damage, type Place } from "../validation/hostile-world.ts";

type Case = readonly [agent: string, damage: Damage, code: GateCode];
/** With what is in the published files then, and what is not. */
type Seen = readonly [
  agent: string,
  damage: Damage,
  code: GateCode,
  seen?: { readonly kept?: string; readonly lost?: string },
];

const gone =
  (path: string): Damage =>
  ({ at }) =>
    rm(join(at, path), { recursive: true });
const put =
  (path: string, content: string | Uint8Array): Damage =>
  ({ write }) =>
    write(path, content);
const edit =
  (path: string, change: (text: string) => string): Damage =>
  (place) =>
    place.edit(path, change);
const handbook = (change: (text: string) => string) => edit("MEMORY.md", change);
const summary = (change: (text: string) => string) => edit("memory_summary.md", change);
const skill = (change: (text: string) => string) => edit("skills/release/SKILL.md", change);
const both =
  (...steps: readonly Damage[]): Damage =>
  async (place) => {
    for (const step of steps) await step(place);
  };
const linked =
  (path: string): Damage =>
  async ({ at }) => {
    await rm(join(at, path), { recursive: true, force: true });
    await mkdir(join(at, path, ".."), { recursive: true });
    await symlink("/etc/hostname", join(at, path));
  };
const hardLinked: Damage = async ({ at }) => {
  await writeFile(join(at, "..", "theirs"), "v1\n");
  await rm(join(at, "memory_summary.md"));
  await link(join(at, "..", "theirs"), join(at, "memory_summary.md"));
};
const pipe: Damage = async ({ at }) => {
  await rm(join(at, "MEMORY.md"));
  execFileSync("mkfifo", [join(at, "MEMORY.md")]);
};
const moved =
  (from: string, to: string): Damage =>
  async ({ at }) => {
    await rm(join(at, to), { recursive: true, force: true });
    await rename(join(at, from), join(at, to));
  };
const named = (name: string) => skill((text) => text.replace("name: release", `name: ${name}`));
const withoutLines = (pattern: RegExp) => (text: string) =>
  text
    .split("\n")
    .filter((line) => !pattern.test(line))
    .join("\n");
/** A third group at the end of the handbook, without the lines of one form. */
const newGroup = (lacking: RegExp): Damage =>
  both(
    handbook((text) => {
      const cited = /^- rollout_summaries.*$/m.exec(text)?.[0] ?? "";
      const group = [
        "# Task Group: pictures",
        "scope: drawing the logo",
        "applies_to: cwd=/home/dev/art; reuse_rule=safe in this folder",
        "## Task 1: a logo was drawn",
        "### rollout_summary_files",
        cited,
        "### keywords",
        "- logo, drawing",
        "## Reusable knowledge",
        "- the logo is drawn by hand",
      ];
      return `${text}\n${withoutLines(lacking)(group.join("\n"))}\n`;
    }),
    summary((text) => (lacking.source === "^$" ? text : `${text}- pictures: logo\n`)),
  );
/** Every n-th statement goes. */
const withoutStatements = (isGone: (at: number) => boolean) => (text: string) => {
  let at = -1;
  return text
    .split("\n")
    .filter((line) => {
      if (!/^- .*\[Task 1\]$/.test(line)) return true;
      at += 1;
      return !isGone(at);
    })
    .join("\n");
};
const manyFiles: Damage = async ({ at }) => {
  await mkdir(join(at, "skills/release/examples"), { recursive: true });
  for (let n = 0; n <= GATE_LIMITS.files; n += 1) {
    await writeFile(join(at, `skills/release/examples/${n}.md`), "x");
  }
};

const REFUSED: readonly Case[] = [
  ["no handbook", gone("MEMORY.md"), "memory_wiped"],
  ["an empty handbook", put("MEMORY.md", ""), "memory_wiped"],
  ["a folder for a handbook", both(gone("MEMORY.md"), put("MEMORY.md/x", "y")), "memory_wiped"],
  ["a pipe for a handbook", pipe, "not_regular_file"],
  ["no summary", gone("memory_summary.md"), "missing_file"],
  ["an empty summary", put("memory_summary.md", ""), "missing_file"],
  ["a summary of another version", summary((text) => text.replace("v1", "v2")), "summary_version"],
  ["a summary that begins with an empty line", summary((text) => `\n${text}`), "summary_version"],
  ["a summary with more on its first line", summary((text) => text.replace("v1", "v1 ")), "summary_version"],
  ["NUL in the summary", summary((text) => `${text}\0`), "not_text"],
  ["a handbook in UTF-16", put("MEMORY.md", Buffer.from("# x", "utf16le")), "not_text"],
  ["a handbook in Latin-1", put("MEMORY.md", Buffer.from("# Gr\u00fcsse", "latin1")), "not_text"],
  ["a binary in a skill", put("skills/release/scripts/tool", Buffer.from([0x7f, 0x45, 0xff, 0])), "not_text"],
  [
    "an escape sequence in the handbook",
    handbook((text) => text.replace("prices", "\u001b[31mprices")),
    "control_characters",
  ],
  ["a C1 control in the summary", summary((text) => `${text}- a\u009bb\n`), "control_characters"],
  [
    "a carriage return in the middle of a line",
    handbook((text) => text.replace("prices are", "prices\rare")),
    "control_characters",
  ],
  ["backspaces in a skill", skill((text) => `${text}x\b\b\n`), "control_characters"],
  [
    "a bell in a script",
    edit("skills/release/scripts/check.sh", (text) => `${text}\u0007`),
    "control_characters",
  ],
  ["a handbook that is a symlink", linked("MEMORY.md"), "not_regular_file"],
  ["a summary that is a symlink", linked("memory_summary.md"), "not_regular_file"],
  ["a symlink in a skill", linked("skills/release/notes.md"), "not_regular_file"],
  ["a hard link to a file outside", hardLinked, "not_regular_file"],
  ["names that differ in case", put("skills/release/skill.md", "x"), "path_collision"],
  ["folders that differ in case", put("skills/Release/notes.md", "x"), "path_collision"],
  [
    "names that differ in Unicode form",
    both(put("skills/release/\u00e9.md", "a"), put("skills/release/e\u0301.md", "b")),
    "path_collision",
  ],
  [
    "a summary nobody should store",
    summary((text) => text.padEnd(GATE_LIMITS.summaryBytes + 1, "x")),
    "file_too_large",
  ],
  [
    "a handbook nobody should store",
    handbook((text) => `${text}${"- y\n".repeat(600_000)}`),
    "file_too_large",
  ],
  [
    "a huge file in a skill",
    put("skills/release/big.md", "z".repeat(GATE_LIMITS.skillFileBytes + 1)),
    "file_too_large",
  ],
  ["more files than a memory has", manyFiles, "too_many_files"],
  [
    "a summary file that is not there",
    handbook((text) => text.replace(/rollout_summaries\/\S+\.md/, "rollout_summaries/none.md")),
    "unknown_summary",
  ],
  [
    "a summary file outside the memory",
    handbook((text) => text.replace(/rollout_summaries\/\S+\.md/, "rollout_summaries/../../etc/passwd.md")),
    "unknown_summary",
  ],
  [
    "a statement of a task that is not there",
    handbook((text) => text.replace("[Task 1]", "[Task 7]")),
    "unknown_task",
  ],
  [
    "a thread nobody knows",
    handbook((text) => text.replace(/thread_id=[\w-]+/, "thread_id=invented")),
    "unknown_thread",
  ],
  ["task groups that lost their headings", handbook(withoutLines(/^# Task Group/)), "structure_worse"],
  ["a group that lost its scope", handbook(withoutLines(/^scope: work on the checkout/)), "structure_worse"],
  ["groups that lost applies_to", handbook(withoutLines(/^applies_to/)), "structure_worse"],
  ["tasks that lost keywords", handbook(withoutLines(/^### keywords|^- checkout, /)), "structure_worse"],
  ["tasks that lost their evidence", handbook(withoutLines(/^- rollout_summaries/)), "structure_worse"],
  [
    "an index that lost its way to a group",
    put("memory_summary.md", "v1\n\n## What's in Memory\n- checkout\n"),
    "structure_worse",
  ],
  [
    "the same line of the index over and over",
    summary((text) => `${text}${"- one more line of the index, which goes on\n".repeat(300)}`),
    "repeated_text",
  ],
  ["a comment after the last list", handbook((text) => `${text}<!-- dear model -->\n`), "model_residue"],
  ["half of what was known gone", handbook(withoutStatements((at) => at % 2 === 0)), "memory_loss"],
  [
    "one of two groups gone",
    handbook((text) => text.slice(text.indexOf("# Task Group: manners"))),
    "memory_loss",
  ],
  ["everything that was known gone", handbook(withoutStatements(() => true)), "memory_wiped"],
  [
    "other words in the place of what was known",
    handbook((text) => text.replace(/^- .*\[Task 1\]$/gm, "- lorem ipsum dolor sit amet [Task 1]")),
    "memory_wiped",
  ],
  ["a skill without SKILL.md", gone("skills/release/SKILL.md"), "skill_form"],
  [
    "a skill without front matter",
    put("skills/release/SKILL.md", "1. Run `scripts/check.sh`.\n"),
    "skill_form",
  ],
  [
    "a skill whose front matter doesn't end",
    skill((text) => text.replace("\n---\n\n", "\n\n")),
    "skill_form",
  ],
  ["a skill with capitals in its name", named("Release"), "skill_form"],
  ["a skill with another's name", named("deploy"), "skill_form"],
  [
    "a skill name with a leading hyphen",
    both(
      moved("skills/release", "skills/-release"),
      edit("skills/-release/SKILL.md", (text) => text.replace("release", "-release")),
    ),
    "skill_form",
  ],
  [
    "a skill name with a double hyphen",
    both(
      moved("skills/release", "skills/re--lease"),
      edit("skills/re--lease/SKILL.md", (text) => text.replace("release", "re--lease")),
    ),
    "skill_form",
  ],
  [
    "a skill name that is too long",
    both(put(`skills/${"a".repeat(65)}/SKILL.md`, `---\nname: ${"a".repeat(65)}\ndescription: x\n---\n`)),
    "skill_form",
  ],
  ["a skill without a name", skill((text) => text.replace("name: release\n", "")), "skill_form"],
  [
    "a skill without a description",
    skill((text) => text.replace(/description:.*/, "description:")),
    "skill_form",
  ],
  [
    "a skill with an endless description",
    skill((text) => text.replace(/description:.*/, `description: ${"a".repeat(1025)}`)),
    "skill_form",
  ],
  [
    "a password in the handbook",
    handbook((text) => text.replace("prices are", "DB_PASSWORD=hunter2-but-longer; prices are")),
    "secret",
  ],
];

/** Accepted and told; what came of it is in `kept` and `lost`. */
const PUBLISHED: readonly Seen[] = [
  ["a byte order mark", summary((text) => `\ufeff${text}`), "hidden_text", { lost: "\ufeff" }],
  [
    "zero-width characters in a word",
    handbook((text) => text.replace("prices", "pri\u200bces")),
    "hidden_text",
    { kept: "prices are integers", lost: "\u200b" },
  ],
  [
    "an index that names a summary file that is not there",
    summary((text) => `${text}- see rollout_summaries/none.md\n`),
    "unknown_mention",
  ],
  ["a new group without scope", newGroup(/^scope:/), "group_header"],
  ["a new group without applies_to", newGroup(/^applies_to:/), "group_header"],
  ["a new task without keywords", newGroup(/^### keywords|^- logo, /), "task_form"],
  ["a new task without evidence", newGroup(/^- rollout_summaries/), "task_form"],
  ["a new group that the index doesn't lead to", newGroup(/^$/), "group_not_indexed"],
  [
    "a summary longer than readers load",
    summary(
      (text) =>
        text + Array.from({ length: 300 }, (_, n) => `- line ${n} of an index that goes on\n`).join(""),
    ),
    "summary_too_long",
  ],
  ["an endless skill", skill((text) => `${text}${"- step\n".repeat(500)}`), "skill_too_long"],
  [
    "a script that SKILL.md doesn't name",
    put("skills/release/scripts/hidden.sh", "true\n"),
    "skill_script_unlisted",
  ],
  ["a changed script", edit("skills/release/scripts/check.sh", (text) => `${text}true\n`), "skill_script"],
  ["a skill that is gone", gone("skills/release"), "skill_removed"],
  ["a helper script beside the memory", put("build.py", "x"), "leftover_removed", { lost: "build.py" }],
  ["a folder of helpers", put("tmp/a/b", "x"), "leftover_removed", { lost: "tmp/" }],
  ["a repository", put(".git/config", "x"), "leftover_removed"],
  ["a hidden file in a skill", put("skills/release/.bashrc", "x"), "leftover_removed", { lost: ".bashrc" }],
  [
    "orders for other agents beside the memory",
    put("AGENTS.md", "x"),
    "leftover_removed",
    { lost: "AGENTS.md" },
  ],
  ["a symlink among helpers", linked("scratch.md"), "leftover_removed", { lost: "scratch.md" }],
  ["a file beside the skills", put("skills/readme.md", "x"), "leftover_removed", { lost: "readme.md" }],
  ["changed inputs", put("raw_memories.md", "forged"), "host_file_altered", { lost: "forged" }],
  ["inputs that are a symlink", linked("raw_memories.md"), "host_file_altered", { kept: "# Raw Memories" }],
  ["no inputs at all", gone("rollout_summaries"), "host_file_altered", { kept: "# Session 1" }],
  [
    "an input of its own",
    put("rollout_summaries/forged.md", "forged"),
    "host_file_altered",
    { lost: "forged" },
  ],
  [
    "a changed summary file",
    ({ write, summaries }: Place) => write(`rollout_summaries/${summaries[0]}`, "forged"),
    "host_file_altered",
    { lost: "forged" },
  ],
  [
    "a comment only models read",
    handbook((text) => text.replace("prices are", "prices <!-- dear model --> are")),
    "instruction",
    { lost: "dear model" },
  ],
];

describe("refused, with the memory as it was, when the agent leaves", () => {
  test.each<Case>(REFUSED)("%s", async (_, damage, code) => {
    const { attack, base, tree } = await besieged();
    const result = await attack(damage);
    const grave = result.findings
      .filter(({ severity }) => severity !== "warn")
      .map((finding) => finding.code);
    expect([result.status, grave.includes(code)]).toEqual(["failed_invalid_artifacts", true]);
    expect(result.reason?.cause).toContain(code);
    expect(await tree()).toEqual(base);
  });
});

describe("published and told, when the agent leaves", () => {
  const cases = PUBLISHED.map(([agent, damage, code, seen = {}]) => ({ agent, damage, code, seen }));
  test.each(cases)("$agent", async ({ damage, code, seen }) => {
    const { attack, base, tree, first, store } = await besieged();
    const result = await attack(damage);
    expect([result.status, result.reason?.cause]).toEqual(["succeeded", undefined]);
    expect(
      result.findings.filter(({ severity }) => severity !== "repair").map((found) => found.code),
    ).toContain(code);
    const published = JSON.stringify(await tree());
    if (seen.kept !== undefined) expect(published).toContain(seen.kept);
    if (seen.lost !== undefined) expect(published).not.toContain(seen.lost);
    // The base can be brought back byte for byte.
    for (const { path, hash } of (await store.generations.manifest(first.generation ?? "")) ?? []) {
      expect(Buffer.from((await store.generations.blob(hash)) ?? []).toString()).toBe(base?.[path]);
    }
  });
});

test("there are enough of them", () => {
  expect(REFUSED.length + PUBLISHED.length).toBeGreaterThanOrEqual(60);
});
