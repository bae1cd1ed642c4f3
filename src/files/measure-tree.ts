import type { Folder } from "./folder.ts";
import { walkTree } from "./walk-tree.ts";

/** What a tree takes from the disk. */
export interface TreeSize {
  /** As the disk gave them: holes don't count, a small file counts as a whole block, hard links of one file once. */
  readonly bytes: number;
  /** Files, folders and everything else that has a name below the top. */
  readonly files: number;
}

/**
 * How much lies below a folder, at any depth, also in folders that an agent closed to us (they are opened again).
 * Symlinks are counted, never followed. With `enough` it stops as soon as the tree is larger than that.
 */
export async function measureTree(
  root: Folder,
  { enough }: { readonly enough?: TreeSize } = {},
): Promise<TreeSize> {
  const linked = new Set<string>();
  let [bytes, files] = [0, 0];
  for await (const { folder, entry } of walkTree(root, { unlock: true })) {
    files += 1;
    const facts = await folder.facts(entry.name).catch(() => null);
    const isCounted = facts === null || facts.kind === "folder" || linked.has(facts.identity);
    if (facts !== null && facts.links > 1 && facts.kind !== "folder") linked.add(facts.identity);
    if (!isCounted) bytes += facts.allocatedBytes;
    if (enough !== undefined && (bytes > enough.bytes || files > enough.files)) break;
  }
  return { bytes, files };
}
