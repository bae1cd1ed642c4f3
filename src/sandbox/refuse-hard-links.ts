import { SlowwaveError } from "../domain/failure.ts";
import { nodeFiles } from "../files/node-files.ts";
import { walkTree } from "../files/walk-tree.ts";

/**
 * A file with a second name may have that name outside: to write here would be to write there, and no sandbox sees
 * a difference. Staging is prepared anew for each run and has none.
 */
export async function refuseHardLinks(workspace: string): Promise<void> {
  const folder = await nodeFiles().open(`${workspace}/.`);
  try {
    for await (const visit of walkTree(folder)) {
      if (visit.entry.kind !== "file") continue;
      const facts = await visit.folder.facts(visit.entry.name);
      if (facts === null || facts.links === 1) continue;
      const path = JSON.stringify(`${visit.folder.path}/${visit.entry.name}`);
      throw new SlowwaveError(
        "failed_sandbox_policy",
        `The workspace holds a file that has another name elsewhere (${path}). Run \`slowwave doctor\`, then run again.`,
      );
    }
  } finally {
    await folder.close();
  }
}
