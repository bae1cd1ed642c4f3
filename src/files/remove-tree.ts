import { codeOf } from "../domain/failure.ts";
import { forEachConcurrent } from "./concurrency.ts";
import type { Folder } from "./folder.ts";

/** Removes what `name` is, with everything below it; symlinks are removed, never followed. Nothing there is fine. */
export async function removeTree(folder: Folder, name: string): Promise<void> {
  const facts = await folder.facts(name);
  if (facts === null) return;
  if (facts.kind !== "folder") return folder.remove(name);
  const inner = await entered(folder, name);
  try {
    const entries = await inner.list();
    await forEachConcurrent(entries, async (entry) => {
      if (entry.kind !== "folder") await inner.remove(entry.name);
    });
    for (const entry of entries) {
      if (entry.kind === "folder") await removeTree(inner, entry.name);
    }
  } finally {
    await inner.close();
  }
  await folder.removeFolder(name);
}

/** An agent may have taken our rights on its folders away; they are still ours. */
async function entered(folder: Folder, name: string): Promise<Folder> {
  try {
    const inner = await folder.enter(name);
    if (((await folder.facts(name))?.mode ?? 0) & 0o200) return inner;
    await inner.close();
  } catch (error) {
    if (codeOf(error) !== "EACCES") throw error;
  }
  await folder.unlock(name);
  return folder.enter(name);
}
