import { finishJournals } from "../memory-files/finish-journals.ts";
import { type FreeBench, freeSpace, spacesOfKilledControls } from "../memory-files/free-space.ts";
import { withRootLock } from "../memory-files/root-lock.ts";
import type { RootBench } from "../memory-files/workbench.ts";

/**
 * What the dead left half done beside their runs, in one space or wherever there is something, before anything is
 * claimed: a publish that broke off is brought to its end, and a space that a killed control had is given back.
 */
export async function finishLeftWork(
  bench: RootBench & FreeBench,
  rootOf: (space: string) => string,
  space?: string,
): Promise<void> {
  for (const one of space === undefined ? await leftHalfDone(bench.store) : [space]) {
    await finishPublish(bench, one, rootOf(one));
    await freeSpace(bench, one);
  }
}

/** Those whose run is unfinished are looked at when it goes on. */
async function leftHalfDone(store: FreeBench["store"]): Promise<readonly string[]> {
  const broken = (await store.jobs.list()).filter((job) => job.last_error === "failed_publish");
  return [...broken.map((job) => job.job_key), ...(await spacesOfKilledControls(store))];
}

/** The root is whole again even when the next run is skipped. What can't be written is left to the run: it has a name for it. */
async function finishPublish(bench: RootBench, space: string, root: string): Promise<void> {
  if ((await bench.store.generations.openJournal(space)) === null) return;
  await withRootLock(bench, space, () => finishJournals(bench, space, root)).catch(() => {});
}
