import { type Check, type Remark, told } from "./check.ts";
import { evidenceOf } from "./evidence.ts";

const PATHS = ["MEMORY.md", "memory_summary.md"];

/** Every rollout summary that is named exists, and every thread is one of the inputs: nothing leads nowhere, nothing is invented. */
export const namesKnown: Check = (candidate) => {
  const { threads } = evidenceOf(candidate.evidence);
  const files = new Set(candidate.expected.map(({ path }) => path));
  return PATHS.flatMap((path) => {
    const lines = candidate.text(path)?.split("\n") ?? [];
    return told(
      lines.flatMap((line, at) => [
        ...unknown(line, /\brollout_summaries\/([^\s()`"'\]<>,;|*…]+\.md)\b/g, (name) =>
          files.has(`rollout_summaries/${name}`),
        ).map((name) => noSummary(path, at + 1, name)),
        ...unknown(line, /\bthread_id=([^\s,;)`"'\]<>…]+)/g, (id) => threads.has(id)).map(() =>
          noThread(path, at + 1),
        ),
      ]),
    );
  });
};

function unknown(line: string, pattern: RegExp, isKnown: (name: string) => boolean): readonly string[] {
  return [...line.matchAll(pattern)].map((match) => match[1] ?? "").filter((name) => !isKnown(name));
}

function noSummary(path: string, line: number, name: string): Remark {
  // A name from the agent is shown as it could be a file's, and no longer.
  const shown = name.replace(/[^\w.-]/g, "?").slice(0, 80);
  return {
    finding: {
      code: "unknown_summary",
      path,
      message: `Line ${line} of ${path} names rollout_summaries/${shown}, which is not there.`,
      repair: `Line ${line}: rollout_summaries/${shown} does not exist; remove the reference, or name the file that is meant.`,
    },
  };
}

/** The id itself is not told: findings stay when a thread is purged. */
function noThread(path: string, line: number): Remark {
  return {
    finding: {
      code: "unknown_thread",
      path,
      message: `Line ${line} of ${path} names a thread that is not among the inputs.`,
      repair: `Line ${line}: the thread_id there is none of the inputs'; remove it, or write the one in the header of the summary file.`,
    },
  };
}
