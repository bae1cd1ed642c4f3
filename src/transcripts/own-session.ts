import { realpathSync } from "node:fs";
import { dirname, join, sep } from "node:path";

/** The folder of a home in which agents work on a memory. */
const STAGING = "staging";

/**
 * Whether a session was made by an agent that Slowwave itself ran: it worked in the staging folder of one of these homes.
 * Such a session is about memories, and memory must not feed on itself. Compared by real path, also when the staging
 * folder is long gone.
 */
export function isOwnSession(cwd: string | null, homes: readonly string[]): boolean {
  if (cwd === null || cwd === "") return false;
  const here = realPath(cwd);
  return homes.some((home) =>
    [join(realPath(home), STAGING), join(home, STAGING)].some((staging) =>
      [here, cwd].some((path) => path === staging || path.startsWith(staging + sep)),
    ),
  );
}

/** The real path of what may be gone: that of the nearest folder above which is there, and the rest as it is named. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const above = dirname(path);
    return above === path ? path : join(realPath(above), path.slice(above.length));
  }
}
