import { expect, test } from "vitest";
import { carryOverMemory } from "../../src/memory-files/memory-edits.ts";
import { consolidatedFiles, type Written } from "../validation/candidates.ts";
import { deletions, FIRST, LATER, lived } from "../validation/deletions.ts";
import { type Agent, blob, builtIn, edit, memoryOf, run } from "../validation/edited-runs.ts";

/** What a person wrote before, in one file, and how. */
const OWN: readonly (readonly [path: string, change: (text: string) => string])[] = [
  [
    "MEMORY.md",
    (text) =>
      text.replace(
        /^- The build needs.*$/m,
        "- The build needs Node 24. [Task 1]\n  - really\n- Mine alone.",
      ),
  ],
  ["MEMORY.md", (text) => text.replace("# Task Group: dev/tools", "# Task Group: House\n\nOur words.\n\n$&")],
  [
    "MEMORY.md",
    (text) =>
      text
        .replace(
          "## Task 1: Release the tools\n",
          "## Task 1: Release my tools\n\nWords of mine in a task.\n",
        )
        .replace("- Open, shop", "- Open, shop, mine"),
  ],
  ["MEMORY.md", (text) => text.replace(/^scope: what one.*$/m, "scope: in my words")],
  ["MEMORY.md", (text) => `A word before.\n\n${text.replace("## Failures", "## Gotchas\n\n- own.\n\n$&")}`],
  ["memory_summary.md", (text) => text.replace("#### 2026-03-22", "#### Mine\n\n- mine is here\n\n$&")],
  ["memory_summary.md", (text) => text.replace("## General Tips\n", "$&\n- A tip of my own.\n")],
];

const EMPTY: Written = {
  "MEMORY.md": "# Task Group: x\nscope: x\napplies_to: cwd=/x; reuse_rule=x\n",
  "memory_summary.md": "v1\n\n## What's in Memory\n\n- x\n",
};

/** However an agent deals with what a person did: attentive, idle, heedless, or destructive. */
const AGENTS: Readonly<Record<string, Agent>> = {
  builtIn,
  idle: async (_, files) => files,
  heedless: async (inputs) => consolidatedFiles(inputs),
  destructive: async () => EMPTY,
};

test.each(OWN)(
  "whatever a person takes out of %s after they wrote in it, no agent loses their words, and carrying over is done once",
  async (path, change) => {
    const first = await lived(FIRST);
    const { version } = await run(await edit(first.version, path, change), [...FIRST, LATER]);
    const wrong: unknown[] = [];
    for (const deletion of deletions(version.files)) {
      const edited = await edit(version, deletion.path, deletion.change);
      for (const [name, agent] of Object.entries(AGENTS)) {
        const next = await run(edited, [...FIRST, LATER], agent);
        const lost = next.findings.filter(({ code }) => code === "hand_edit_lost");
        const written = Object.entries(next.version.files).map(
          ([file, text]) => [file, Buffer.from(text)] as const,
        );
        const again = await carryOverMemory(memoryOf(edited), new Map(written), blob);
        if (lost.length > 0 || again.size > 0)
          wrong.push({
            name,
            gone: deletion.gone,
            lost: lost.map(({ message }) => message),
            again: again.size,
          });
      }
    }
    expect(wrong).toEqual([]);
  },
);
