import { inspectRoot } from "./check-root.ts";
import type { RootDeps } from "./deps.ts";
import { publishSteps, withFound, writeRoot } from "./publish.ts";
import { type ReconciledRoot, type ReconcileRequest, reconcileRoot } from "./reconcile-root.ts";

/**
 * Brings a memory folder to the generation in effect, without making one but for what a person changed in it; the caller
 * holds its lock. It needs no journal: a folder that was left half-way still bears its old mark, and each of its files is
 * of a generation that the store knows, so whoever looks next goes on. `lost`: the lease is no longer the caller's.
 */
export async function bringForward(
  deps: RootDeps,
  request: ReconcileRequest & { readonly root: string },
): Promise<ReconciledRoot | "lost"> {
  const reconciled = await reconcileRoot(deps, request);
  if (reconciled === "lost" || reconciled.head === null) return reconciled;
  const { head, actual } = reconciled;
  const { space, root } = request;
  const steps = withFound(publishSteps(actual, head.manifest), actual, []);
  await writeRoot(deps, { space, root, generation: head.generation.id, steps }, []);
  return reconciled;
}

/** Whether the folder's mark names another generation than the one in effect: another machine published that. */
export async function isBehind(
  { files, homeId: home, store }: RootDeps,
  { space, root }: { readonly space: string; readonly root: string },
): Promise<boolean> {
  const head = await store.generations.current(space);
  const marked = await inspectRoot(files, root, { home, space }, { hash: false }, async (found) => {
    return found?.mark?.generation;
  });
  return head !== null && marked !== head.generation.id;
}
