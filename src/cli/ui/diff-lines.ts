import { type FileDiff, headerOf } from "../../internal/memory.ts";
import { markHidden } from "../../text/sanitize.ts";
import { bold, counted, cyan, dim, green, type Line, red } from "./text.ts";

/** A unified diff for a terminal. */
export function diffLines(files: readonly FileDiff[]): readonly Line[] {
  return files.flatMap((file) => [
    ...headerOf(file).map((line) => bold(line)),
    ...(file.hunks ?? []).flatMap(({ range, lines }) => [cyan(range), ...lines.map(hunkLine)]),
  ]);
}

/**
 * The same from a diff that is one text. What a hunk holds is counted by its range: a line of memory that looks like
 * the head of a file is none.
 */
export function diffTextLines(text: string): readonly Line[] {
  let [before, after] = [0, 0];
  return text.split("\n").map((line) => {
    const isBody = before > 0 || after > 0 || line.startsWith("\\");
    if (isBody) {
      if (!/^[+\\]/.test(line)) before -= 1;
      if (!/^[-\\]/.test(line)) after -= 1;
      return hunkLine(line);
    }
    const range = /^@@ -\d+,(\d+) \+\d+,(\d+) @@/.exec(line);
    if (range === null) return bold(line);
    [before, after] = [Number(range[1]), Number(range[2])];
    return cyan(line);
  });
}

function hunkLine(line: string): Line {
  const text = showHidden(line);
  if (line.startsWith("+")) return green(text);
  if (line.startsWith("-")) return red(text);
  return line.startsWith("\\") ? dim(text) : text;
}

/** Everything that makes two lines differ is seen, also what a terminal hides. */
function showHidden(line: string): string {
  return markHidden(line.replaceAll("\t", "    ").replace(/\r$/, "␍"));
}

/** Longer paths stand out; they don't push all counts off the screen. */
const WIDEST = 96;

/** One line for each file, and one for all. */
export function statLines(files: readonly FileDiff[]): readonly Line[] {
  const named = files.map((file) => ({ ...file, name: showHidden(file.path) }));
  const widths = named.map(({ name }) => columnsOf(name)).filter((width) => width <= WIDEST);
  const longest = Math.max(0, ...widths);
  const total = (of: (file: FileDiff) => number | null) =>
    files.reduce((sum, file) => sum + (of(file) ?? 0), 0);
  return [
    ...named.map(
      ({ name, change, added, removed }): Line => [
        `${SIGN[change]} ${name}${" ".repeat(Math.max(0, longest - columnsOf(name)))}  `,
        ...(added === null ? [dim("not compared")] : [green(`+${added}`), " ", red(`-${removed}`)]),
      ],
    ),
    dim(
      `${counted(files.length, "file")}, +${total((file) => file.added)} -${total((file) => file.removed)} lines`,
    ),
  ];
}

/** Characters of East Asian scripts, and pictures, take two columns of a terminal. */
function columnsOf(text: string): number {
  return [...text].reduce(
    (sum, character) => sum + (WIDE.test(character) ? 2 : MARK.test(character) ? 0 : 1),
    0,
  );
}

const WIDE =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\u3000-\u303f\uff01-\uff60]/u;
const MARK = /\p{M}/u;

const SIGN = { added: "A", modified: "M", deleted: "D" } as const;
