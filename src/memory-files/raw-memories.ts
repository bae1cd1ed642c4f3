import { type Stage1Output, trimmed } from "../domain/memory.ts";
import { headerText } from "../text/sanitize.ts";
import { header } from "./header.ts";
import { rfc3339 } from "./instant.ts";

/**
 * `raw_memories.md` (original, section 4.3), piece by piece so that a large one never blocks.
 * `outputs` come in the order of the selection, latest first; `names` from `summaryNames`.
 */
export function* rawMemories(
  outputs: readonly Stage1Output[],
  names: ReadonlyMap<string, string>,
): Generator<string> {
  yield "# Raw Memories\n\n";
  if (outputs.length === 0) {
    yield "No raw memories yet.\n";
    return;
  }
  yield "Merged stage-1 raw memories (latest first):\n\n";
  for (const output of outputs) {
    yield [
      `## Thread \`${headerText(output.threadId)}\`\n`,
      header("updated_at", rfc3339(output.sourceUpdatedAt)),
      header("cwd", output.cwd),
      header("rollout_path", output.rolloutPath),
      header("rollout_summary_file", names.get(output.threadId) ?? ""),
      "\n",
      trimmed(output.rawMemory),
      "\n\n",
    ].join("");
  }
}
