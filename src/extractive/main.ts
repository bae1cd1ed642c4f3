import { consolidate } from "./consolidate.ts";
import { readWorkspace, writeSkills, writeWorkspaceFile } from "./workspace.ts";

/** One line of the status stream on stdout. */
type Report =
  | { readonly type: "running" }
  | { readonly type: "message"; readonly text: string }
  | { readonly type: "completed"; readonly message: string }
  | { readonly type: "errored"; readonly message: string };

/**
 * The extractive agent as a process: `node main.js <workspace>`. Reads the synced inputs, writes MEMORY.md and, last,
 * memory_summary.md, and tells how it goes as NDJSON. Exit code 0 after `completed`, 1 after `errored`.
 */
function main(workspace: string | undefined): void {
  printLine({ type: "running" });
  try {
    if (workspace === undefined) throw new Error("name the workspace folder: node main.js <workspace>");
    const input = readWorkspace(workspace);
    if (input.summaries.length === 0)
      throw new Error("rollout_summaries holds no readable summary; import session memories first");
    const { memory, summary, sessions, projects, skills } = consolidate(input);
    if (sessions === 0)
      throw new Error("no summary in rollout_summaries has a header with thread_id and updated_at");
    printLine({
      type: "message",
      text: `read ${count(sessions, "session")} of ${count(projects, "project")}`,
    });
    writeWorkspaceFile(workspace, "MEMORY.md", memory);
    printLine({
      type: "message",
      text: `wrote MEMORY.md with ${count(memory.split("\n## Task ").length - 1, "task")}`,
    });
    writeSkills(workspace, skills);
    writeWorkspaceFile(workspace, "memory_summary.md", summary);
    printLine({
      type: "completed",
      message: `consolidated ${count(sessions, "session")} into ${count(projects, "project group")}`,
    });
  } catch (error) {
    process.exitCode = 1;
    printLine({
      type: "errored",
      message: `the workspace could not be consolidated: ${error instanceof Error ? error.message : String(error)}`,
    });
  }
}

function printLine(report: Report): void {
  process.stdout.write(`${JSON.stringify(report)}\n`);
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

main(process.argv[2]);
