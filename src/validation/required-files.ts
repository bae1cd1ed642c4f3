import type { Check } from "./check.ts";

const REQUIRED = ["MEMORY.md", "memory_summary.md"];

/** The handbook and the summary are there and say something. */
export const requiredFiles: Check = ({ manifest, problems }) =>
  REQUIRED.filter((path) => !problems.some((problem) => problem.path === path && problem.kind !== "foreign"))
    .filter((path) => !manifest.some((entry) => entry.path === path && entry.bytes > 0))
    .map((path) => ({
      finding: {
        code: "missing_file",
        path,
        message: `The agent left no ${path}, or an empty one.`,
        repair: `Write ${path} in the workspace; it must not be empty.`,
      },
    }));
