import { expect, test } from "vitest";
import { baseOf, candidateOf, verdictOn, type Written } from "./candidates.ts";

/** The findings with this code that the gate has of what an agent wrote over what was there. */
async function findingsOf(code: string, written: Written, before: Written = {}) {
  const base = baseOf(await candidateOf([], before));
  const { findings } = await verdictOn(await candidateOf([], written, base));
  return findings.filter((finding) => finding.code === code);
}

test.each([
  ["an escape", "\u001b[31m"],
  ["a bell", "\u0007"],
  ["a delete", "\u007f"],
  ["an escape of the C1 set", "\u009b31m"],
])("%s in a handbook is a control character, named with its line", async (_, character) => {
  const found = await findingsOf("control_characters", {
    "MEMORY.md": `# Memory\n- the build${character}\n`,
  });
  expect(found).toMatchObject([
    {
      severity: "repair",
      path: "MEMORY.md",
      message: "MEMORY.md holds control characters, first in line 2.",
    },
  ]);
});

test("letters, tabs and line ends of any language are none", async () => {
  const text = "# Gedächtnis\r\n\t- 設定 für näïve Nutzer\u00a0…\n";
  expect(await findingsOf("control_characters", { "MEMORY.md": text })).toEqual([]);
});

test("a skill that is gone is told by its name, one that only changed is not", async () => {
  const before = { "skills/release/SKILL.md": "release\n", "skills/deploy/SKILL.md": "deploy\n" };
  const found = await findingsOf("skill_removed", { "skills/deploy/SKILL.md": "deploy now\n" }, before);
  expect(found).toMatchObject([
    {
      severity: "warn",
      path: "skills/release",
      message: "The skill skills/release is gone; `slowwave rollback` brings it back.",
    },
  ]);
});
