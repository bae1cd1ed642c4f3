import { SlowwaveError } from "../domain/failure.ts";
import type { Generation, Journal, JournalStep, Manifest } from "../domain/generation.ts";
import type { Lease, Settled } from "../domain/job.ts";
import { pathText } from "../text/sanitize.ts";
import { damaged, unsoundBlobs } from "./blobs.ts";
import { publishSteps } from "./publish-steps.ts";
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

export interface Publication {
  /** Null: on no running row of the space (rollback, apply). */
  readonly lease: Lease | null;
  readonly generation: Generation;
  readonly manifest: Manifest;
  /** What the store doesn't hold yet. */
  readonly blobs: ReadonlyMap<string, Uint8Array>;
  readonly root: string;
  /** What the root holds now. */
  readonly actual: Manifest;
  /** Foreign things in the root. */
  readonly foreign: readonly string[];
}

/**
 * Makes a generation what readers see; the caller holds the root's lock. Rejects, nothing touched, with `blob_damaged`
 * when the store can't give back what it once took, and with `root_in_the_way` when a foreign thing stands where a file goes. One conditional commit of blobs, manifest and
 * journal is the point of no return: before it nothing is touched, after it only `rollForward` remains, here or
 * in whoever takes the lock next. A repetition finds its generation and finishes it.
 */
export async function publishManifest(bench: RootBench, publication: Publication): Promise<Settled> {
  const { lease, generation, manifest, blobs, root, actual } = publication;
  const { store, clock } = bench;
  const { parent } = generation;
  const before = parent === null ? [] : ((await store.generations.manifest(parent)) ?? []);
  const steps = withFound(publishSteps(actual, manifest), actual, before);
  const journal: Journal = { space: generation.space, root, generation: generation.id, steps };
  assertFree(root, steps, publication.foreign);
  await assertSound(bench, steps, blobs);
  const nowMs = clock.nowMs();
  const settled = await store.generations.commit({ lease, generation, manifest, blobs, journal, nowMs });
  if (settled === "lost") return settled;
  const open = settled === "applied" ? journal : await store.generations.openJournal(generation.space);
  if (open !== null) await rollForward(bench, open);
  return settled;
}

/** A folder that was behind holds what neither the parent nor the new generation has; it may be replaced all the same. */
function withFound(
  steps: readonly JournalStep[],
  actual: Manifest,
  before: Manifest,
): readonly JournalStep[] {
  const [found, known] = [actual, before].map(
    (files) => new Map(files.map(({ path, hash }) => [path, hash])),
  );
  return steps.map((step) => {
    const was = found?.get(step.path);
    return was === undefined || was === known?.get(step.path) ? step : { ...step, was };
  });
}

function assertFree(root: string, steps: readonly JournalStep[], foreign: readonly string[]): void {
  const obstacle = foreign.find((path) =>
    steps.some((step) => step.do === "write" && `${step.path}/`.startsWith(`${path}/`)),
  );
  if (obstacle === undefined) return;
  throw new SlowwaveError(
    "root_in_the_way",
    `${pathText(obstacle)} in the memory folder ${pathText(root)} stands where the memory has a file to write; move it away and run again. Nothing was touched.`,
  );
}

async function assertSound(
  { store }: RootBench,
  steps: readonly JournalStep[],
  fresh: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  const written = steps.flatMap((step) => (step.do === "write" && !fresh.has(step.hash) ? [step] : []));
  const unsound = await unsoundBlobs(
    store.generations,
    written.map(({ hash }) => hash),
  );
  const bad = written.find(({ hash }) => unsound.has(hash));
  if (bad !== undefined) throw damaged(bad.path);
}
