import { SlowwaveError } from "../domain/failure.ts";
import {
  changesBetween,
  type FileChanges,
  type Generation,
  isUnchanged,
  type Manifest,
} from "../domain/generation.ts";
import { pathText } from "../text/sanitize.ts";
import { verifiedBlob } from "./blobs.ts";
import type { RootDeps } from "./deps.ts";
import { generationNamed } from "./generation-names.ts";
import { publishManifest } from "./publish.ts";
import { reconcileRoot } from "./reconcile-root.ts";
import { withRootLock } from "./root-lock.ts";

export interface RollbackRequest {
  /** Names what the rollback makes. */
  readonly id: string;
  readonly space: string;
  /** Null: the memory is in the store alone. */
  readonly root: string | null;
  /** As a person names it; null: the last published before the current one. */
  readonly target: string | null;
}

export type RollbackAnswer =
  | { readonly kind: "running" }
  | {
      /** `unchanged`: the memory is this one already. */
      readonly kind: "restored" | "unchanged";
      readonly restored: Generation;
      /** What is in effect now. */
      readonly generation: string;
      readonly files: FileChanges;
      /** What a person had changed by hand was kept as this generation first. */
      readonly kept: Generation | null;
    };

/**
 * Restores a generation as a new one, through the same fenced publish as any other. Nothing is lost by it: what was in
 * effect, hand-made changes included, stays a generation. Watermarks are untouched. `running`: a run works on the
 * space, nothing was changed.
 */
export function rollback(deps: RootDeps, request: RollbackRequest): Promise<RollbackAnswer> {
  return withRootLock(deps, request.space, () => restore(deps, request));
}

async function restore(deps: RootDeps, request: RollbackRequest): Promise<RollbackAnswer> {
  const { store, clock } = deps;
  const { id, space, root, target } = request;
  // Named before hand-made changes become a generation: the person counted without it.
  const named = target === null ? null : await generationNamed(store.generations, space, target);
  const reconciled = await reconcileRoot(deps, { run: id, space, root, lease: null });
  if (reconciled === "lost") return { kind: "running" };
  const { head, actual, foreign, kept } = reconciled;
  const restored = named ?? (await lastPublished(deps, space));
  const manifest = await filesOf(deps, restored);
  const current = head?.generation ?? null;
  const files = changesBetween(head?.manifest ?? [], manifest);
  if (current !== null && isUnchanged(files) && isUnchanged(changesBetween(actual, manifest))) {
    return { kind: "unchanged", restored, generation: current.id, files, kept };
  }
  const generation: Generation = {
    id: `${id}-rollback`,
    space,
    parent: current?.id ?? null,
    run: null,
    kind: "rollback",
    createdAtMs: clock.nowMs(),
    ...(restored.handEdits && { handEdits: restored.handEdits }),
  };
  const blobs = new Map<string, Uint8Array>();
  const outcome = await publishManifest(deps, {
    lease: null,
    generation,
    manifest,
    blobs,
    root,
    actual,
    foreign,
  });
  if (outcome === "lost") return { kind: "running" };
  // What changes in the folder: it may have been emptied.
  return {
    kind: "restored",
    restored,
    generation: generation.id,
    files: changesBetween(actual, manifest),
    kept,
  };
}

const SEARCHED = 1_000;

/** The newest that a run published, but for the one in effect. */
async function lastPublished({ store }: RootDeps, space: string): Promise<Generation> {
  const [, ...older] = await store.generations.list(space, SEARCHED);
  const found = older.find(({ kind, withdrawnAtMs }) => kind === "published" && withdrawnAtMs === undefined);
  if (found !== undefined) return found;
  throw new SlowwaveError(
    "nothing_to_restore",
    "No earlier published generation is kept here; `slowwave diff --list` lists what there is.",
  );
}

async function filesOf({ store }: RootDeps, generation: Generation): Promise<Manifest> {
  if (generation.withdrawnAtMs !== undefined) {
    throw new SlowwaveError(
      "generation_withdrawn",
      `Generation ${generation.id} was withdrawn by a purge: its files are gone for good. Choose another.`,
    );
  }
  const manifest = (await store.generations.manifest(generation.id)) ?? [];
  const missing = await missingOf(store.generations, manifest);
  if (missing === null) return manifest;
  throw new SlowwaveError(
    "blob_damaged",
    `Generation ${generation.id} is not whole: its ${pathText(missing)} is damaged or missing, and the memory stays as it is; \`slowwave doctor\` names all that are damaged, \`slowwave diff --list\` lists what else can be restored.`,
  );
}

async function missingOf(
  generations: RootDeps["store"]["generations"],
  manifest: Manifest,
): Promise<string | null> {
  for (const { hash, path } of manifest) if ((await verifiedBlob(generations, hash)) === null) return path;
  return null;
}
