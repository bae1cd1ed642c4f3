import type { Stage1Output } from "../../src/domain/memory.ts";
import { session } from "../engine/phase2-world.ts";
import type { Written } from "./candidates.ts";
import { builtIn, type Version } from "./edited-runs.ts";

const note = (number: number, cwd: string, ...lines: readonly string[]) =>
  session(number, { cwd, rawMemory: `${lines.join("\n")}\n` });

/** Three sessions of two projects, with every kind of section that a handbook has. */
export const FIRST: readonly Stage1Output[] = [
  note(
    1,
    "/home/dev/shop",
    "### Task 1: Keep a promise",
    "",
    "Preference signals:",
    "- The user wants answers in British English.",
    "",
    "Reusable knowledge:",
    "- The build needs Node 22.",
    "- Invoices are rendered by `render-invoice`.",
    "",
    "Failures and how to do differently:",
    "- The migration fails without a lock; take the lock first.",
    "",
    "### Task 2: Tag the release",
    "",
    "Reusable knowledge:",
    "- Tags are cut from the release branch.",
  ),
  note(
    2,
    "/home/dev/tools",
    "### Task 1: Release the tools",
    "",
    "Preference signals:",
    "- Always run the linter before pushing.",
    "",
    "Reusable knowledge:",
    "- Releases are tagged by `npm run release`.",
    "- The cache lies in `~/.cache/tools`.",
  ),
  note(
    3,
    "/home/dev/shop",
    "### Task 1: Open the shop",
    "",
    "Reusable knowledge:",
    "- The shop opens at nine.",
  ),
];

export const LATER = note(
  4,
  "/home/dev/shop",
  "### Task 1: Close the shop",
  "",
  "Reusable knowledge:",
  "- The shop closes at six.",
);

export const SKILL =
  "---\nname: release\ndescription: How we release\n---\n\n# Release\n\n1. Check the tree.\n2. Tag it.\n";

/** What the built-in agent makes of them, with a skill beside it. */
export async function lived(inputs: readonly Stage1Output[]): Promise<{ readonly version: Version }> {
  const files = await builtIn(inputs, { "skills/release/SKILL.md": SKILL }, null);
  return { version: { files, edits: {}, parent: null } };
}

/** Every line of every file, and every two that stand together, taken out. */
export function deletions(files: Written) {
  return Object.entries(files).flatMap(([path, text]) => {
    const lines = text.split("\n").slice(0, -1);
    return lines.flatMap((_, at) =>
      [1, 2]
        .filter((count) => at + count <= lines.length)
        .map((count) => ({
          path,
          gone: lines.slice(at, at + count),
          change: () =>
            [...lines.slice(0, at), ...lines.slice(at + count)].map((line) => `${line}\n`).join(""),
        })),
    );
  });
}
