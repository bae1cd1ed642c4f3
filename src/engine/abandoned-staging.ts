import { join } from "node:path";
import type { Clock } from "../domain/clock.ts";
import { codeOf } from "../domain/failure.ts";
import type { Store } from "../domain/ports.ts";
import type { Files } from "../files/folder.ts";
import { removeTree } from "../files/tree.ts";
import { endOrphanProcess } from "../process/tree.ts";

/**
 * Removes the staging of runs that are over: a run whose agent could not be ended, or whose staging could not be removed
 * at its end, leaves it. The agent is ended first; where it still can't be, both stay for the next recovery, and for
 * `slowwave doctor` to tell. Folders of runs that the store does not know are left alone: they may be another store's.
 */
export async function clearAbandonedStaging(
  { store, clock, files }: { readonly store: Store; readonly clock: Clock; readonly files: Files },
  home: string,
): Promise<void> {
  const path = join(home, "staging");
  const staging = await files.open(`${path}/.`).catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") return null;
    throw error;
  });
  if (staging === null) return;
  try {
    for (const { name } of await staging.list()) {
      const record = await store.runs.read(name);
      if (record === null || record.state === "active") continue;
      const isEnded = await endOrphanProcess(join(path, name), clock).then(
        () => true,
        () => false,
      );
      if (isEnded) await removeTree(staging, name).catch(() => {});
    }
  } finally {
    await staging.close();
  }
}
