import type { Stage1Output } from "../domain/memory.ts";
import { header } from "./header.ts";
import { rfc3339 } from "./instant.ts";

/** Content of a file in `rollout_summaries/` (original, section 4.2). The summary itself is kept verbatim. */
export function summaryBody(output: Stage1Output): string {
  return [
    header("thread_id", output.threadId),
    header("updated_at", rfc3339(output.sourceUpdatedAt)),
    header("rollout_path", output.rolloutPath),
    header("cwd", output.cwd),
    output.gitBranch ? header("git_branch", output.gitBranch) : "",
    "\n",
    output.rolloutSummary,
    "\n",
  ].join("");
}
