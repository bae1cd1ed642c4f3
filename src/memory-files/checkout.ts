import { hash } from "node:crypto";
import { pause } from "../domain/clock.ts";
import { codeOf, SlowwaveError } from "../domain/failure.ts";
import {
  changesBetween,
  type FileChanges,
  type Generation,
  isUnchanged,
  type Manifest,
} from "../domain/generation.ts";
import type { LocalStore } from "../domain/ports.ts";
import { pathText } from "../text/sanitize.ts";
import { missingBlobs } from "./blobs.ts";
import { checkRoot, inspectRoot, type RootFound } from "./check-root.ts";
import type { RootDeps } from "./deps.ts";
import { foundId } from "./generation-names.ts";
import { newerThan, withoutKnown } from "./known-files.ts";
import { recordMemoryEdits } from "./memory-edits.ts";
import { assertFree, assertIntact, publishSteps, withFound, writeRoot } from "./publish.ts";
import { blobsOf, type Head, memoryOf, mergeOnto, withUnreadable } from "./reconcile-root.ts";

/** What stands in the mark of a checkout in the place of a home: its truth is the store, so any machine may bring it forward. */
export const CHECKOUT = "checkout";

export type CheckoutDeps = Pick<RootDeps, "clock" | "ids" | "files"> & {
  readonly store: Pick<LocalStore, "generations" | "jobs" | "locks">;
};

export interface CheckoutRequest {
  readonly space: string;
  /** Absolute. */
  readonly folder: string;
  /**
   * Edits are taken in only where the folder is still this one (`digest` of the answer before): who follows must not take a
   * file that is just being saved. Absent: at once.
   */
  readonly settledAt?: string | null;
}

export interface Checkout {
  /**
   * `current`: the folder held it already. `brought`: it holds it now. `running`: a run has the space, so what was changed
   * by hand is not taken in yet, and nothing was touched. `editing`: the same, until the folder stays as it is.
   * `nothing`: the space has no memory yet.
   */
  readonly kind: "current" | "brought" | "running" | "editing" | "nothing";
  /** What is in effect. */
  readonly generation: string | null;
  /** What changed in the folder. */
  readonly files: FileChanges;
  /** The generation that was made of what a person changed in the folder; null: none was. */
  readonly edited: Generation | null;
  /** Things in the folder that are no part of a memory; they are left alone. */
  readonly foreign: readonly string[];
  /** Of what the folder held when it was looked at. */
  readonly digest: string;
}

const NO_FILES: FileChanges = { added: [], modified: [], deleted: [] };
const ATTEMPTS = 20;
const RETRY_MS = 50;

/**
 * Brings a folder to the memory of a space that is in effect in the store. The folder's mark says which generation it was
 * last brought to: what differs from that one is a person's edit, and is merged onto the newest and committed first, unless a
 * run has the space; all else is merely behind. Every file changes in one rename, in the order in which references exist.
 *
 * It needs no journal: whoever looks after a kill finds files of generations that the store knows, under the old mark,
 * and goes on. Rejects with a `root_*` code for a folder that can't be one, `checkout_not_empty` or `checkout_outdated`.
 */
export async function checkOut(deps: CheckoutDeps, request: CheckoutRequest): Promise<Checkout> {
  const { files, clock } = deps;
  const { space, folder } = request;
  await checkRoot({ root: folder, homeId: CHECKOUT, space, files });
  const lock = await locked(deps, folder);
  try {
    for (let attempt = 1; ; attempt += 1) {
      const owner = { home: CHECKOUT, space };
      const answer = await inspectRoot(files, folder, owner, {}, (found) =>
        bring(deps, request, found),
      ).catch((error: unknown) => {
        // Someone is saving a file at this very moment.
        if (codeOf(error) === "content_changed" && attempt < ATTEMPTS) return null;
        throw error;
      });
      if (answer !== null) return answer;
      if (attempt === ATTEMPTS) throw busy();
      await pause(clock, RETRY_MS);
    }
  } finally {
    await lock.unlock();
  }
}

function busy(): SlowwaveError {
  return new SlowwaveError(
    "root_busy",
    "Another process is changing this folder; try again when it is done.",
  );
}

async function locked({ store, clock }: CheckoutDeps, folder: string) {
  for (let attempt = 1; attempt <= 100; attempt += 1) {
    const lock = await store.locks.lock(`checkout:${folder}`);
    if (lock !== null) return lock;
    await pause(clock, RETRY_MS);
  }
  throw busy();
}

/** Null: another one changed the memory meanwhile; look again. */
async function bring(
  deps: CheckoutDeps,
  request: CheckoutRequest,
  found: RootFound | null,
): Promise<Checkout | null> {
  const { store } = deps;
  const head = await store.generations.current(request.space);
  const scanned = found?.scan.manifest ?? [];
  const foreign = (found?.scan.problems ?? [])
    .filter(({ kind }) => kind !== "hard-link")
    .map(({ path }) => path);
  const digest = digestOf(scanned);
  const known = { generation: head?.generation.id ?? null, files: NO_FILES, edited: null, foreign, digest };
  if (head === null) return { ...known, kind: "nothing" };
  if (found !== null && found.mark === null && scanned.length > 0 && !isSame(scanned, head.manifest)) {
    throw new SlowwaveError(
      "checkout_not_empty",
      `The folder ${pathText(request.folder)} holds files and was never checked out; name another, or empty it.`,
    );
  }
  const seen = await look(deps, head, found);
  if (seen.edits === null || found === null) {
    return { ...known, ...(await place(deps, request, { head, actual: seen.actual, found, foreign })) };
  }
  if (request.settledAt !== undefined && request.settledAt !== digest) return { ...known, kind: "editing" };
  const taken = await takeIn(deps, request, { head, found, ...seen, edits: seen.edits });
  if (taken === "again") {
    const job = await store.jobs.read(request.space);
    return job?.status === "running" ? { ...known, kind: "running" } : null;
  }
  const placed = await place(deps, request, { head: taken.head, actual: seen.actual, found, foreign });
  const edited = taken.isNew ? taken.head.generation : null;
  return { ...known, generation: taken.head.generation.id, edited, ...placed };
}

interface Looked {
  /** What the folder holds; what can't be read counts as unchanged. */
  readonly actual: Manifest;
  /** What a person changed, and of which generation; null: nothing. */
  readonly edits: { readonly since: Head; readonly theirs: Manifest } | null;
}

async function look({ store }: CheckoutDeps, head: Head, found: RootFound | null): Promise<Looked> {
  const scanned = found?.scan.manifest ?? [];
  const { mark, scan } = found ?? { mark: null, scan: { problems: [] } };
  if (mark === null || digestOf(scanned) === mark.digest) return { actual: scanned, edits: null };
  const since = await sinceOf({ store }, mark.generation);
  const isRewritten = since !== null && mark.digest !== undefined && digestOf(since.manifest) !== mark.digest;
  if (since === null || isRewritten) throw outdated(mark.generation ?? "");
  const foreign = scan.problems.map(({ path }) => path);
  const actual = withUnreadable(scanned, since.manifest, foreign);
  const theirs = withoutKnown(actual, since.manifest, await newerThan(store, since, head));
  return { actual, edits: isSame(theirs, since.manifest) ? null : { since, theirs } };
}

/** A folder whose first checkout was killed was never brought to any: nothing is what it came from. */
async function sinceOf(
  { store }: Pick<CheckoutDeps, "store">,
  marked: string | undefined,
): Promise<Head | null> {
  if (marked === undefined) return { generation: NONE, manifest: [] };
  const [generation, manifest] = await Promise.all([
    store.generations.read(marked),
    store.generations.manifest(marked),
  ]);
  const isThere = generation !== null && manifest !== null && generation.withdrawnAtMs === undefined;
  return isThere ? { generation, manifest } : null;
}

const NONE: Generation = { id: "", space: "", parent: null, run: null, kind: "published", createdAtMs: 0 };
/** Commits what a person changed, on top of the newest. `again`: a run has the space, or another one was quicker. */
async function takeIn(
  deps: CheckoutDeps,
  { space }: CheckoutRequest,
  {
    head,
    found,
    actual,
    edits: { since, theirs },
  }: { head: Head; found: RootFound; actual: Manifest; edits: NonNullable<Looked["edits"]> },
): Promise<{ readonly head: Head; readonly isNew: boolean } | "again"> {
  const { store, clock, ids } = deps;
  const blobs = new Map(await missingBlobs(store, actual, found.folder));
  const blob = blobsOf(deps, found.folder, actual, blobs);
  const merged =
    since.generation.id === head.generation.id
      ? { manifest: theirs, edits: await recordMemoryEdits(memoryOf(head), theirs, blob) }
      : await mergeOnto(head, since, theirs, { blob, blobs });
  if (isSame(merged.manifest, head.manifest)) return { head, isNew: false };
  const nowMs = clock.nowMs();
  const parent = head.generation.id;
  const generation: Generation = {
    id: foundId(ids.token(), "edited", parent, merged.manifest),
    space,
    parent,
    run: null,
    kind: "edited",
    createdAtMs: nowMs,
    ...(Object.keys(merged.edits).length > 0 && { handEdits: merged.edits }),
  };
  const { manifest } = merged;
  const request = { lease: null, generation, manifest, blobs, journal: null, nowMs };
  const settled = await store.generations.commit(request);
  return settled === "lost" ? "again" : { head: { generation, manifest }, isNew: true };
}

/** Writes what differs, then the mark. A file that is no longer what was seen a moment ago was just saved, and stays. */
async function place(
  deps: CheckoutDeps,
  { space, folder }: CheckoutRequest,
  at: { head: Head; actual: Manifest; found: RootFound | null; foreign: readonly string[] },
): Promise<Pick<Checkout, "kind" | "files">> {
  const { generation, manifest } = at.head;
  const files = changesBetween(at.actual, manifest);
  const steps = withFound(publishSteps(at.actual, manifest), at.actual, []);
  assertFree(folder, steps, at.foreign);
  await assertIntact(deps, steps, new Map());
  const digest = digestOf(manifest);
  const isMarked = at.found?.mark?.generation === generation.id && at.found.mark.digest === digest;
  if (isMarked && steps.length === 0) return { kind: "current", files };
  const written = { space, root: folder, generation: generation.id, steps, digest };
  await writeRoot({ ...deps, homeId: CHECKOUT }, written, []);
  return { kind: steps.length === 0 ? "current" : "brought", files };
}

function outdated(marked: string): SlowwaveError {
  return new SlowwaveError(
    "checkout_outdated",
    `The folder was changed by hand since generation ${pathText(marked)}, which the store no longer has as it was; move the folder away, check out anew, and make your changes there.`,
  );
}

function digestOf(manifest: Manifest): string {
  const content = JSON.stringify(manifest.map((entry) => [entry.path, entry.hash]));
  return hash("sha256", content, "hex").slice(0, 32);
}

function isSame(a: Manifest, b: Manifest): boolean {
  return isUnchanged(changesBetween(a, b));
}
