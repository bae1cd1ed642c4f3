import { codeOf } from "../domain/failure.ts";
import { changesBetween, type Generation, isUnchanged, type Manifest } from "../domain/generation.ts";
import type { Lease } from "../domain/job.ts";
import type { Folder } from "../files/folder.ts";
import { missingBlobs } from "./blobs.ts";
import { inspectRoot, type RootFound } from "./check-root.ts";
import { finishJournals } from "./finish-journals.ts";
import { foundId } from "./generation-id.ts";
import { isHostPath } from "./host-files.ts";
import type { RootBench } from "./workbench.ts";

export interface SettledRoot {
  /** The generation that stands for what the root holds; null when there is none and it holds nothing. */
  readonly head: { readonly generation: Generation; readonly manifest: Manifest } | null;
  /** What is in the folder now: the head's files, or nothing where the folder is missing or newly chosen. */
  readonly actual: Manifest;
  /** A generation made just now of what a person left there. */
  readonly kept: Generation | null;
}

const ATTEMPTS = 3;

/**
 * Makes the store know what the memory root holds, before anything replaces it; the caller holds its lock. Rolls an open
 * journal forward first. A root that differs from the newest generation was edited by a person: that, deletions
 * included, becomes a generation (`adopted` when the folder didn't bear our mark, `edited` else). `lost`: the lease is
 * no longer the caller's (null: the job is running), nothing was changed.
 */
export async function settleRoot(
  bench: RootBench,
  request: {
    readonly run: string;
    readonly space: string;
    readonly root: string;
    readonly lease: Lease | null;
  },
): Promise<SettledRoot | "lost"> {
  const { files, homeId } = bench;
  const { space, root } = request;
  await finishJournals(bench, space, root);
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await inspectRoot(files, root, { home: homeId, space }, { tolerant: true }, (found) =>
        compare(bench, request, found),
      );
    } catch (error) {
      // Someone is saving a file at this very moment.
      if (codeOf(error) !== "content_changed" || attempt === ATTEMPTS) throw error;
    }
  }
}

async function compare(
  bench: RootBench,
  { run, space, lease }: { readonly run: string; readonly space: string; readonly lease: Lease | null },
  found: RootFound | null,
): Promise<SettledRoot | "lost"> {
  const { store, clock } = bench;
  const head = await store.generations.current(space);
  const actual = found?.scan.manifest ?? [];
  // An empty folder without our mark is a new place for the memory, not a memory someone emptied.
  const isBlank = found === null || (!found.marked && actual.length === 0);
  if (isBlank) return { head, actual: [], kept: null };
  if (isUnchanged(changesBetween(head?.manifest ?? [], actual))) {
    const mended = head === null || lease === null || (await mendBlobs(bench, lease, head, found.folder));
    return mended ? { head, actual, kept: null } : "lost";
  }
  const kind = found.marked && head !== null ? "edited" : "adopted";
  const parent = head?.generation.id ?? null;
  const nowMs = clock.nowMs();
  const generation: Generation = {
    id: foundId(run, kind, parent, actual),
    space,
    parent,
    run: null,
    kind,
    createdAtMs: nowMs,
  };
  const blobs = await missingBlobs(store, actual, found.folder);
  const settled = await store.generations.commit({
    lease,
    generation,
    manifest: actual,
    blobs,
    journal: null,
    nowMs,
  });
  if (settled === "lost") return "lost";
  return { head: { generation, manifest: actual }, actual, kept: generation };
}

/** What a disk let rot in the store is still whole in the folder: the agent is laid the true files. False: the lease is lost. */
async function mendBlobs(
  { store, clock }: RootBench,
  lease: Lease,
  { generation, manifest }: NonNullable<SettledRoot["head"]>,
  folder: Folder,
): Promise<boolean> {
  const laid = manifest.filter(({ path }) => !isHostPath(path));
  const blobs = await missingBlobs(store, laid, folder, []);
  if (blobs.size === 0) return true;
  const request = { lease, generation: generation.id, manifest, blobs, nowMs: clock.nowMs() };
  return (await store.generations.rewrite(request)) === "applied";
}
