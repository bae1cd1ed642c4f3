import type { FileChanges } from "../domain/generation.ts";

/** `1 finding`, `2 findings`. */
export function counted(count: number, noun: string, nouns = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : nouns}`;
}

/** `1 added, 3 modified files`; what there is none of is left out. */
export function changedFiles({ added, modified, deleted }: FileChanges): string {
  const counts = [
    [added.length, "added"],
    [modified.length, "modified"],
    [deleted.length, "deleted"],
  ] as const;
  const told = counts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  const total = counts.reduce((sum, [count]) => sum + count, 0);
  return told.length === 0 ? "nothing" : `${told.join(", ")} ${total === 1 ? "file" : "files"}`;
}
