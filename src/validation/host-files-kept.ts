import { isHostPath } from "../memory-files/host-files.ts";
import { pathText } from "../text/sanitize.ts";
import type { Check, Remark } from "./check.ts";

/** The host's files are evidence, not the agent's to change: restored from the inputs, and what was added is removed. */
export const hostFilesKept: Check = ({ manifest, problems, expected }) => {
  const found = new Map(manifest.map(({ path, hash }) => [path, hash]));
  const wanted = new Set(expected.map(({ path }) => path));
  const odd = problems.map(({ path }) => path).filter(isHostPath);
  const altered = expected.filter(({ path, hash }) => found.get(path) !== hash).map(({ path }) => path);
  const added = [...found.keys(), ...odd].filter((path) => isHostPath(path) && !wanted.has(path));
  return [
    ...altered.map((path) => remark(path, "was changed by the agent and restored", "restore")),
    ...[...new Set(added)].map((path) => remark(path, "was added by the agent and removed", "remove")),
  ];
};

function remark(path: string, what: string, mend: "restore" | "remove"): Remark {
  const shown = pathText(path);
  return {
    finding: {
      code: "host_file_altered",
      path: shown,
      message: `${shown} ${what}.`,
      repair: null,
    },
    mend: { do: mend, path },
  };
}
