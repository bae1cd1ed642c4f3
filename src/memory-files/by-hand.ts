import { changesBetween, type FileChanges, type GenerationStore } from "../domain/generation.ts";
import { isConsolidated } from "./generation-names.ts";
import { isHostPath } from "./host-files.ts";

const NEWEST_SEARCHED = 100;

/** What a person changed of the memory since a run last made or restored it; host files are never a person's. */
export async function changedByHand(
  generations: Pick<GenerationStore, "list" | "manifest">,
  space: string,
): Promise<FileChanges> {
  const all = await generations.list(space, NEWEST_SEARCHED);
  const [newest] = all;
  const made = all.find((generation) => isConsolidated(generation) || generation.kind === "purged");
  const manifest = async (id: string | undefined) =>
    id === undefined ? [] : ((await generations.manifest(id)) ?? []);
  const changes = changesBetween(await manifest(made?.id), await manifest(newest?.id));
  const own = (paths: readonly string[]) => paths.filter((path) => !isHostPath(path));
  return { added: own(changes.added), modified: own(changes.modified), deleted: own(changes.deleted) };
}
