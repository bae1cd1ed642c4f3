import type { Traces } from "./traces.ts";

/**
 * The handbook without the tasks that cite the thread, without groups that have no task left, and without lines that
 * tell of it. Null: what is the thread's can't be told apart from the rest.
 */
export function scrubHandbook(text: string, traces: Traces): string | null {
  const kept = groupsOf(text).flatMap((group) => scrubGroup(group, traces));
  const lines = kept.filter((line) => !traces.tells(line));
  const result = lines.join("\n");
  return traces.cites(result) ? null : result;
}

function scrubGroup(lines: readonly string[], traces: Traces): readonly string[] {
  const kept: string[] = [];
  let tasks = 0;
  let left = 0;
  for (const section of sectionsOf(lines)) {
    const isTask = /^## Task\b/.test(section[0] ?? "");
    const goes = isTask && traces.cites(section.join("\n"));
    if (isTask) tasks += 1;
    if (isTask && !goes) left += 1;
    if (!goes) kept.push(...section);
  }
  return tasks > 0 && left === 0 ? [] : kept;
}

/** What stands before the first group is a group of its own. */
function groupsOf(text: string): readonly (readonly string[])[] {
  return cut(text.split("\n"), (line) => /^# /.test(line));
}

function sectionsOf(lines: readonly string[]): readonly (readonly string[])[] {
  return cut(lines, (line) => /^##? /.test(line));
}

export function cut(
  lines: readonly string[],
  begins: (line: string) => boolean,
): readonly (readonly string[])[] {
  const parts: string[][] = [[]];
  for (const line of lines) {
    if (begins(line)) parts.push([]);
    parts.at(-1)?.push(line);
  }
  return parts.filter((part) => part.length > 0);
}
