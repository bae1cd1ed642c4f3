import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** The work of an agent that cites every summary there is, for processes without a test runner. Passes the gate. */
export async function consolidate(workspace: string): Promise<void> {
  const names = (await readdir(join(workspace, "rollout_summaries"))).sort();
  const handbook = [
    "# Task Group: shop",
    "scope: work on the shop",
    "applies_to: cwd=/home/dev/shop; reuse_rule=safe in this checkout",
    "",
    "## Task 1: whatever was done",
    "### rollout_summary_files",
    ...names.map((name) => `- rollout_summaries/${name} (cwd=/home/dev/shop)`),
    "### keywords",
    "- shop",
    "",
    "## User preferences",
    "- keep it short [Task 1]",
    "",
  ];
  await writeFile(join(workspace, "MEMORY.md"), handbook.join("\n"));
  await writeFile(join(workspace, "memory_summary.md"), "v1\n\n## What's in Memory\n- shop\n");
}
