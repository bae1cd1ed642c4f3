import { isHostPath } from "../memory-files/host-files.ts";
import { isMemoryFile } from "../memory-files/memory-path.ts";
import type { ProblemKind } from "../memory-files/scan.ts";
import { pathText } from "../text/sanitize.ts";
import type { Check } from "./check.ts";

const WHAT: Partial<Record<ProblemKind, string>> = {
  symlink: "a symlink",
  special: "a device, pipe or socket",
  "hard-link": "a hard link: its content has another name",
  unreadable: "not readable",
};

/** Where the memory has files, nothing but regular files that nobody shares. The host's own are restored elsewhere. */
export const regularFiles: Check = ({ problems }) =>
  problems.flatMap(({ path, kind }) => {
    const what = WHAT[kind];
    if (what === undefined || isHostPath(path) || !isMemoryFile(path)) return [];
    return {
      finding: {
        code: "not_regular_file",
        path: pathText(path),
        message: `${pathText(path)} is ${what}; only regular files can be part of the memory.`,
        repair: `Remove ${pathText(path)} and write it as a new regular file.`,
      },
    };
  });
