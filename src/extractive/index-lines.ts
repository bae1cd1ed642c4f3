import { tokensOf } from "../text/tokens.ts";
import { cutAtWord } from "./fit.ts";
import { type Group, kinds, noProject, type TaskEntry } from "./handbook.ts";
import { compare } from "./thread.ts";

/** A line or two of the index that may be left out when there is no room. */
interface Topic {
  readonly group: Group;
  readonly task: TaskEntry;
  readonly day: string;
}

const recentDays = 3;
/** Tokens the index takes at least; with more projects than that lists, the rest is named by folder. */
const leastTokens = 1_000;

/**
 * The index under "What's in Memory". Every group has at least one line with keywords that are found in its block; what
 * `spare` tokens allow comes on top: first the topics of the last memory days with what was learned, then older ones.
 */
export function indexLines(groups: readonly Group[], spare: number): readonly string[] {
  const topics = groups.flatMap((group) => group.tasks.map((task) => ({ group, task, day: dayOf(task) })));
  const days = new Set(
    [...new Set(topics.map(({ day }) => day))].sort(compare).reverse().slice(0, recentDays),
  );
  const listed = listable(groups);
  const chosen = new Map<Topic, "short" | "full">();
  const firsts = new Set<Group>();
  for (const topic of topics) {
    if (!listed.has(topic.group) || firsts.has(topic.group)) continue;
    firsts.add(topic.group);
    chosen.set(topic, "short");
  }
  let left = spare;
  const ranked = [...topics].filter(({ group }) => listed.has(group)).sort((a, b) => compare(b.day, a.day));
  const upgrade = (topic: Topic, size: "short" | "full") => {
    const before = chosen.get(topic);
    if (before === size || before === "full") return;
    const price =
      tokensOf(topicLines(topic, size).join("\n")) +
      4 -
      (before === undefined ? 0 : tokensOf(topicLines(topic, before).join("\n")));
    if (price > left) return;
    left -= price;
    chosen.set(topic, size);
  };
  if (spare > 0) {
    left -= days.size * 30;
    for (const topic of ranked) if (days.has(topic.day)) upgrade(topic, "full");
    for (const topic of ranked) upgrade(topic, "short");
  }
  return [...recentLines(groups, chosen, days), ...olderLines(groups, chosen, days, listed)];
}

function recentLines(
  groups: readonly Group[],
  chosen: ReadonlyMap<Topic, "short" | "full">,
  days: ReadonlySet<string>,
): readonly string[] {
  return groups
    .flatMap((group) => {
      const own = [...chosen].filter(([topic]) => topic.group === group && days.has(topic.day));
      const dates = [...new Set(own.map(([topic]) => topic.day))].sort(compare).reverse();
      if (dates.length === 0) return [];
      const lines = dates.flatMap((date) => [
        "",
        `#### ${date}`,
        "",
        ...own.filter(([topic]) => topic.day === date).flatMap(([topic, size]) => topicLines(topic, size)),
      ]);
      return ["", `### ${scopeOf(group)}`, ...lines];
    })
    .slice(1);
}

function olderLines(
  groups: readonly Group[],
  chosen: ReadonlyMap<Topic, "short" | "full">,
  days: ReadonlySet<string>,
  listed: ReadonlySet<Group>,
): readonly string[] {
  const lines = groups.flatMap((group) => {
    const own = [...chosen].filter(([topic]) => topic.group === group && !days.has(topic.day));
    if (group.tasks.length === 0)
      return [`- ${group.family}: ${cutAtWord(group.cwd ?? "notes written by hand", 60)}`];
    return own.length === 0
      ? []
      : [`#### ${scopeOf(group)}`, ...own.flatMap(([topic]) => topicLines(topic, "short"))];
  });
  const unlisted = groups.filter((group) => !listed.has(group));
  const folded = foldedLines(unlisted);
  return lines.length + folded.length === 0 ? [] : ["", "### Older Memory Topics", "", ...lines, ...folded];
}

/** The groups whose one line each fits into the least room, freshest first. */
function listable(groups: readonly Group[]): ReadonlySet<Group> {
  let left = leastTokens;
  return new Set(
    groups.filter((group) => {
      const [task] = group.tasks;
      const line = task === undefined ? group.family : topicLines({ group, task, day: "" }, "short").join("");
      left -= tokensOf(line) + tokensOf(scopeOf(group)) + 8;
      return left >= 0;
    }),
  );
}

/** Projects too many to name, by the folder they share: searching the handbook for it finds each of them. */
function foldedLines(groups: readonly Group[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const { cwd } of groups) {
    const parent = cutAtWord((cwd ?? "").split("/").slice(0, 4).join("/"), 60).replace(/…$/, "");
    counts.set(parent, (counts.get(parent) ?? 0) + 1);
  }
  const ranked = [...counts].sort((a, b) => b[1] - a[1] || compare(a[0], b[0]));
  const shown = ranked
    .slice(0, 8)
    .map(
      ([parent, count]) =>
        `- ${count} more ${count === 1 ? "project" : "projects"}: search MEMORY.md for "cwd=${parent}"`,
    );
  const rest = ranked.slice(8).reduce((sum, [, count]) => sum + count, 0);
  return rest === 0
    ? shown
    : [...shown, `- ${rest} more projects elsewhere: search MEMORY.md for "applies_to: cwd="`];
}

function topicLines({ group, task }: Topic, size: "short" | "full"): readonly string[] {
  const keywords = task.keywords.slice(0, size === "full" ? 6 : 3).map((word) => cutAtWord(word, 40));
  const line = `- ${cutAtWord(task.title, 80)}: ${(keywords.length === 0 ? [group.family] : keywords).join(", ")}`;
  if (size === "short") return [line];
  const sessions = task.citations.length;
  const learnings = learningsOf(group, task);
  return [
    line,
    `  - desc: ${sessions === 1 ? "1 session" : `${sessions} sessions`} in ${group.family}, Task ${task.number} of its group in MEMORY.md`,
    ...(learnings === null ? [] : [`  - learnings: ${learnings}`]),
  ];
}

/** What the handbook says with reference to this task, the most particular first. */
function learningsOf(group: Group, task: TaskEntry): string | null {
  const own = [...kinds]
    .reverse()
    .flatMap((kind) => group.items[kind].filter((item) => item.tasks.includes(task.number)));
  const [first, second] = own.sort((a, b) => a.tasks.length - b.tasks.length);
  if (first === undefined) return null;
  return [first, ...(second === undefined ? [] : [second])]
    .map(({ text }) => cutAtWord(text.replace(/\s+/g, " ").replace(/[.。]$/, ""), 110))
    .join("; ");
}

function dayOf(task: TaskEntry): string {
  return (
    task.citations
      .map(({ updatedAt }) => updatedAt.slice(0, 10))
      .sort(compare)
      .at(-1) ?? ""
  );
}

function scopeOf(group: Group): string {
  return group.cwd === null ? group.family : group.cwd === "" ? noProject : group.cwd;
}
