import { rollForward } from "./roll-forward.ts";
import type { RootBench } from "./workbench.ts";

/**
 * Brings every publish of the space that passed its point of no return to its end; the caller holds the root's
 * lock. Afterwards the root is whole. Does nothing, quickly, when there is none.
 */
export async function finishJournals(bench: RootBench, space: string, root: string): Promise<void> {
  const { generations } = bench.store;
  const next = () => generations.openJournal(space);
  for (let journal = await next(); journal !== null; journal = await next()) {
    try {
      await rollForward(bench, journal);
    } catch (error) {
      // The memory lives elsewhere now; a folder that nobody reads any more must not hold it up for ever.
      if (journal.root === root) throw error;
      await generations.closeJournal(journal.generation);
    }
  }
}
