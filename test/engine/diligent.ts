import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Apart from the worlds of tests: the processes that tests start have no test runner to load. */

export const SUMMARY = "v1\n\n## What's in Memory\n- shop\n";

/** The work of an agent that always does the same good work. Passes the gate. */
export async function consolidate(workspace: string): Promise<void> {
  await writeFile(join(workspace, "MEMORY.md"), await handbook(workspace));
  await writeFile(join(workspace, "memory_summary.md"), SUMMARY);
}

/** A handbook that cites every summary there is. */
export async function handbook(workspace: string): Promise<string> {
  const names = (await readdir(join(workspace, "rollout_summaries"))).sort();
  return [
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
  ].join("\n");
}
