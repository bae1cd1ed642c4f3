import type { FileDiff } from "../services/generations/compare.ts";
import { headerOf } from "../services/generations/unified.ts";
import { bold, cyan, dim, green, type Line, red } from "./paint.ts";

/** A unified diff for a terminal. */
export function diffLines(files: readonly FileDiff[]): readonly Line[] {
  return files.flatMap((file) => [
    ...headerOf(file).map((line) => bold(line)),
    ...(file.hunks ?? []).flatMap(({ range, lines }) => [cyan(range), ...lines.map(diffLine)]),
  ]);
}

/** One line of a unified diff. */
export function diffLine(line: string): Line {
  if (line.startsWith("--- ") || line.startsWith("+++ ")) return bold(line);
  if (line.startsWith("@@ ")) return cyan(line);
  if (line.startsWith("+")) return green(line);
  return line.startsWith("-") ? red(line) : line;
}

/** One line for each file, and one for all. */
export function statLines(files: readonly FileDiff[]): readonly Line[] {
  const longest = Math.max(0, ...files.map(({ path }) => path.length));
  const total = (of: (file: FileDiff) => number | null) =>
    files.reduce((sum, file) => sum + (of(file) ?? 0), 0);
  return [
    ...files.map(
      ({ path, change, added, removed }): Line => [
        `${SIGN[change]} ${path.padEnd(longest)}  `,
        ...(added === null ? [dim("not compared")] : [green(`+${added}`), " ", red(`-${removed}`)]),
      ],
    ),
    dim(
      `${files.length} ${files.length === 1 ? "file" : "files"}, +${total((file) => file.added)} -${total((file) => file.removed)} lines`,
    ),
  ];
}

const SIGN = { added: "A", modified: "M", deleted: "D" } as const;
