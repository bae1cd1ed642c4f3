import type { HostFile } from "../artifacts/host-files.ts";
import { type Folder, splitPath, within, withinMade } from "../workspace/files.ts";
import { removeTree } from "../workspace/remove-tree.ts";
import type { Remark } from "./check.ts";

/** Does to the workspace what the host can mend itself. Removals first: one may stand where a file is restored. */
export async function applyMends(
  workspace: Folder,
  remarks: readonly Remark[],
  hostFiles: readonly HostFile[],
): Promise<void> {
  const contents = new Map(hostFiles.map(({ path, content }) => [path, content]));
  const mends = remarks.flatMap(({ mend }) => mend ?? []);
  for (const { path } of mends.filter((mend) => mend.do === "remove")) {
    const [folder, name] = splitPath(path);
    await within(workspace, folder, async (at) => at && removeTree(at, name));
  }
  for (const { path } of mends.filter((mend) => mend.do === "restore")) {
    const [folder, name] = splitPath(path);
    const content = contents.get(path);
    await withinMade(workspace, folder, async (at) => {
      await removeTree(at, name);
      if (content !== undefined) await at.create(name, content);
    });
  }
}
