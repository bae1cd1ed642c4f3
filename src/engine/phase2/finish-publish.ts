import { finishJournals } from "../../services/publish/finish-journals.ts";
import { withRootLock } from "../../services/workspace/root-lock.ts";
import type { RootBench } from "../../services/workspace/workbench.ts";

/**
 * Brings a publish that broke off to its end, before anything is claimed: the root is whole again even when
 * the next run is skipped. What still can't be written is left to the run, which has a name for it.
 */
export async function finishPublish(bench: RootBench, space: string, root: string): Promise<void> {
  if ((await bench.store.generations.openJournal(space)) === null) return;
  await withRootLock(bench, space, () => finishJournals(bench, space, root)).catch(() => {});
}
