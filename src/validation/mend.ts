import { type Folder, splitPath, within, withinMade } from "../files/folder.ts";
import { removeTree } from "../files/remove-tree.ts";
import type { HostFile } from "../memory-files/host-files.ts";
import type { Remark } from "./check.ts";

/** Does to the workspace what the host can mend itself. Removals first: one may stand where a file is restored. */
export async function applyMends(
  workspace: Folder,
  remarks: readonly Remark[],
  hostFiles: readonly HostFile[],
): Promise<void> {
  const contents = new Map(hostFiles.map(({ path, content }) => [path, content]));
  const mends = remarks.flatMap(({ mend }) => mend ?? []);
  for (const { path } of mends.filter((mend) => mend.do === "remove")) await rewrite(workspace, path, null);
  for (const { path } of mends.filter((mend) => mend.do === "restore")) {
    await rewrite(workspace, path, contents.get(path) ?? null);
  }
}

/** A new file in the place of whatever is there; null only takes it away. */
export async function rewrite(workspace: Folder, path: string, content: Uint8Array | null): Promise<void> {
  const [folder, name] = splitPath(path);
  if (content === null) {
    await within(workspace, folder, async (at) => at && removeTree(at, name));
    return;
  }
  await withinMade(workspace, folder, async (at) => {
    await removeTree(at, name);
    await at.create(name, content);
  });
}
