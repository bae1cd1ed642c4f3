import type { FileDiff } from "./compare.ts";

/** A unified diff as one text, at most `limit` characters; what was cut is named at its end. */
export function unified(files: readonly FileDiff[], limit: number): string {
  let text = "";
  for (const [at, file] of files.entries()) {
    const part = fileText(file);
    if (text.length + part.length > limit)
      return `${text}${cutLine(files.slice(at), part, limit - text.length)}`;
    text += part;
  }
  return text;
}

function fileText(file: FileDiff): string {
  const lines = [...headerOf(file)];
  for (const { range, lines: body } of file.hunks ?? []) lines.push(range, ...body);
  return `${lines.join("\n")}\n`;
}

/** The two lines that begin a file's part, and a third where its lines can't be told. */
export function headerOf({ path, change, hunks }: FileDiff): readonly string[] {
  return [
    `--- ${change === "added" ? "/dev/null" : `a/${path}`}`,
    `+++ ${change === "deleted" ? "/dev/null" : `b/${path}`}`,
    ...(hunks === null ? ["(not shown: no text, too long, or wholly different)"] : []),
  ];
}

/** The first file that didn't fit is shown as far as it does, in whole lines. */
function cutLine(left: readonly FileDiff[], part: string, room: number): string {
  const shown = part.slice(0, Math.max(0, room));
  const whole = shown.slice(0, shown.lastIndexOf("\n") + 1);
  const lines = part.slice(whole.length).split("\n").length - 1;
  const files = left.length - 1;
  const more = files === 0 ? "" : ` and ${files} more ${files === 1 ? "file" : "files"}`;
  return `${whole}[cut: ${lines} more ${lines === 1 ? "line" : "lines"} of ${left[0]?.path}${more}]\n`;
}
