import { type Check, told } from "./check.ts";
import { type GroupPart, groupsIn } from "./handbook-parts.ts";

/** Readers load the summary and nothing else: what its words don't lead to is never found. */
export const groupsIndexed: Check = ({ text }) => {
  const summary = text("memory_summary.md");
  const handbook = text("MEMORY.md");
  if (summary === null || handbook === null) return [];
  const words = summary.toLowerCase();
  const searches = [...summary.matchAll(/search MEMORY\.md for "([^"\n]{4,200})"/g)].map(
    (match) => match[1] ?? "",
  );
  const lost = groupsIn(handbook).filter((group) => !isReached(group, words, searches));
  return told(
    lost.map((group) => ({
      finding: {
        code: "group_not_indexed",
        path: "memory_summary.md",
        message: `The index of memory_summary.md doesn't lead to the task group in line ${group.line} of MEMORY.md.`,
        repair: `The group in line ${group.line} of MEMORY.md is not in the index: add a topic line with its name or some of its keywords under \`## What's in Memory\`.`,
      },
    })),
  );
};

function isReached(group: GroupPart, summary: string, searches: readonly string[]): boolean {
  const names = [group.family, group.cwd ?? "", ...group.tasks.flatMap((task) => task.keywords)];
  return (
    names.some((name) => name.length >= 2 && summary.includes(name.toLowerCase())) ||
    searches.some((search) => group.text.includes(search))
  );
}
