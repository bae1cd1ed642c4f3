import { basename, dirname } from "node:path";
import type { Manifest } from "../domain/generation.ts";
import { withinMade } from "../files/folder.ts";
import { removeTree } from "../files/tree.ts";
import { storedBlob } from "./blobs.ts";
import { type HostFile, isHostPath, SUMMARIES } from "./host-files.ts";
import { HAND_EDITS } from "./memory-path.ts";
import { forgetVerified } from "./verified.ts";
import type { Workbench } from "./workbench.ts";
import { type NewFile, writeTree } from "./write-tree.ts";

interface StagedFiles {
  readonly base: Manifest;
  readonly summaries: readonly HostFile[];
  /** What the person changed by hand, as a diff; null: nothing. */
  readonly handEdits: string | null;
}

/**
 * Makes the private workspace of a run anew: what the base has from agents and people, and the summaries of this
 * run's inputs. Summaries of the base that no input stands for any more are simply not laid. `raw_memories.md`
 * comes with the next step.
 */
export async function layStaging(
  { store, places, files }: Pick<Workbench, "store" | "places" | "files">,
  { base, summaries, handEdits }: StagedFiles,
): Promise<void> {
  await files.makeFolders(places.scratch);
  await forgetVerified({ places, files });
  const above = await files.open(dirname(places.workspace));
  try {
    const name = basename(places.workspace);
    await removeTree(above, name);
    await above.makeFolder(name);
    const workspace = await above.enter(name);
    try {
      await withinMade(workspace, SUMMARIES, async () => {});
      await writeTree(workspace, [
        ...base.filter(({ path }) => !isHostPath(path)).map((entry) => stored(store, entry)),
        ...summaries.map(({ path, content }) => ({ path, content: async () => content })),
        ...(handEdits === null ? [] : [{ path: HAND_EDITS, content: async () => Buffer.from(handEdits) }]),
      ]);
    } finally {
      await workspace.close();
    }
  } finally {
    await above.close();
  }
}

function stored(store: Workbench["store"], { path, hash }: Manifest[number]): NewFile {
  return { path, content: () => storedBlob(store, { path, hash }) };
}
