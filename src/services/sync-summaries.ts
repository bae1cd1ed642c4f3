import { fromPromise } from "xstate";
import { changesBetween, type Generation, type Manifest } from "../domain/generation.ts";
import type { RunInput, SummariesAnswer } from "../domain/phase2.ts";
import { handEditsDiff } from "../memory-files/hand-edits-diff.ts";
import { heldLease, lostOwnership } from "../memory-files/held-lease.ts";
import { summaryFiles } from "../memory-files/host-files.ts";
import { layStaging } from "../memory-files/lay-staging.ts";
import { type ReconciledRoot, reconcileRoot } from "../memory-files/reconcile-root.ts";
import { withRootLock } from "../memory-files/root-lock.ts";
import type { Workbench } from "../memory-files/workbench.ts";

/**
 * Fixes the base of the run and lays its workspace anew. What a person left in the memory root since the last
 * generation becomes one itself, and the base; nothing in the root is changed but by an earlier publish that
 * still had to be brought to its end. May be repeated. Rejects with `failed_lost_ownership` or a `root_*` code.
 */
export function syncSummaries(bench: Workbench) {
  return fromPromise<SummariesAnswer, RunInput>(async ({ input: { run, space }, signal }) => {
    const { store, places } = bench;
    const settled = await withRootLock(
      bench,
      space,
      () => reconcileRoot(bench, { run, space, root: places.root, lease: heldLease(bench.hold) }),
      signal,
    );
    if (settled === "lost") throw lostOwnership();
    for (const finding of settled.findings) bench.hold.note("gate.finding", finding);
    if (settled.kept !== null) await reportEdits(bench, settled.kept, settled);
    const base: Manifest = settled.head?.manifest ?? [];
    const summaries = await summaryFiles(await store.memories.inputsOf(run));
    const handEdits = settled.head === null ? null : await handEditsDiff(store.generations, settled.head);
    await layStaging(bench, { base, summaries, handEdits });
    return { base: settled.head?.generation.id ?? null };
  });
}

/** A person's own changes are never a fault; that they were seen and kept is worth a line. */
async function reportEdits(
  { hold, store }: Workbench,
  kept: Generation,
  { actual }: ReconciledRoot,
): Promise<void> {
  const before = kept.parent === null ? [] : ((await store.generations.manifest(kept.parent)) ?? []);
  const { added, modified, deleted } = changesBetween(before, actual);
  const count = added.length + modified.length + deleted.length;
  hold.note("gate.finding", {
    code: kept.kind === "adopted" ? "root_adopted" : "edited_by_hand",
    severity: "warn",
    path: null,
    message:
      kept.kind === "adopted"
        ? `The memory folder already held ${actual.length === 1 ? "one file; it was" : `${actual.length} files; they were`} taken over as generation ${kept.id}.`
        : `${count === 1 ? "One file of the memory folder was" : `${count} files of the memory folder were`} changed by hand; ${count === 1 ? "it was" : "they were"} kept as generation ${kept.id}.`,
    repair: null,
  });
}
