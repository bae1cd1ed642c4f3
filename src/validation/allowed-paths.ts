import { isHostPath } from "../memory-files/host-files.ts";
import { isMemoryFile } from "../memory-files/memory-path.ts";
import type { Problem } from "../memory-files/scan.ts";
import { pathText } from "../text/sanitize.ts";
import type { Check, Remark } from "./check.ts";

/** What doesn't belong to a memory: helper files an agent left behind are taken away and cost nobody the result. */
export const allowedPaths: Check = ({ problems }) =>
  problems.flatMap((problem): readonly Remark[] => {
    const path = pathText(problem.path);
    if (problem.kind === "too-many") return [tooMany(path)];
    if (!isLeftover(problem)) return [];
    const message = `${path} is not part of a memory and was removed.`;
    const finding = { code: "leftover_removed", path, message, repair: null } as const;
    return [{ finding, mend: { do: "remove", path: problem.path } }];
  });

function isLeftover({ path, kind }: Problem): boolean {
  if (kind === "foreign" || kind === "too-deep") return true;
  const isOdd = kind === "symlink" || kind === "special" || kind === "unreadable";
  return isOdd && !isHostPath(path) && !isMemoryFile(path);
}

function tooMany(path: string): Remark {
  const message = "The agent left more files than can be looked through.";
  return { finding: { code: "workspace_overflow", path, message, repair: null } };
}
