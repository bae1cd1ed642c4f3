import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { SlowwaveError } from "../domain/failure.ts";

/**
 * A file with a second name may have that name outside: to write here would be to write there, and no sandbox sees
 * a difference. Staging is laid anew for each run and has none.
 */
export async function refuseHardLinks(workspace: string): Promise<void> {
  for (const entry of await readdir(workspace, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    if ((await lstat(path)).nlink > 1) {
      throw new SlowwaveError(
        "failed_sandbox_policy",
        `The workspace holds a file that has another name elsewhere (${JSON.stringify(path)}). Run \`slowwave doctor\`, then run again.`,
      );
    }
  }
}
