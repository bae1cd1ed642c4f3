import { type Folder, forEachConcurrent, splitPath, withinMade } from "../files/folder.ts";

export interface NewFile {
  readonly path: string;
  /** Asked when it is written, so that few contents are held at once. */
  content(): Promise<Uint8Array>;
}

/** Writes files that do not exist yet into a private tree, with the folders they need. Not synced: nothing there outlives its run. */
export async function writeTree(root: Folder, files: readonly NewFile[]): Promise<void> {
  for (const [folder, inside] of Map.groupBy(files, ({ path }) => splitPath(path)[0])) {
    await withinMade(root, folder, (at) =>
      forEachConcurrent(inside, async (file) => at.create(splitPath(file.path)[1], await file.content())),
    );
  }
}
