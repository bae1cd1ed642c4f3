import type { Generation, Journal, JournalStep, Manifest } from "../domain/generation.ts";
import type { Lease, Settled } from "../domain/job.ts";
import { rollForward } from "./roll-forward.ts";
import { publishSteps } from "./steps.ts";
import { damaged, unsoundBlobs } from "./stored-blob.ts";
import type { RootBench } from "./workbench.ts";

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
}

/**
 * Makes a generation what readers see; the caller holds the root's lock. Rejects with `blob_damaged`, nothing touched,
 * when the store can't give back what it once took. One conditional commit of blobs, manifest and
 * journal is the point of no return: before it nothing is touched, after it only `rollForward` remains, here or
 * in whoever takes the lock next. A repetition finds its generation and finishes it.
 */
export async function publishManifest(bench: RootBench, publication: Publication): Promise<Settled> {
  const { lease, generation, manifest, blobs, root, actual } = publication;
  const { store, clock } = bench;
  const steps = publishSteps(actual, manifest);
  const journal: Journal = { space: generation.space, root, generation: generation.id, steps };
  await assertSound(bench, steps, blobs);
  const nowMs = clock.nowMs();
  const settled = await store.generations.commit({ lease, generation, manifest, blobs, journal, nowMs });
  if (settled === "lost") return settled;
  const open = settled === "applied" ? journal : await store.generations.openJournal(generation.space);
  if (open !== null) await rollForward(bench, open);
  return settled;
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
