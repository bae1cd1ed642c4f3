import { tokensOf } from "../text/tokens.ts";
import type { Fact } from "./facts.ts";
import { cutAtWord } from "./fit.ts";
import { dayOf, type Group, homeOf } from "./group.ts";
import { noProject } from "./handbook.ts";
import type { Task } from "./tasks.ts";
import { compare } from "./thread.ts";

/** A subject of the index. */
interface Topic {
  readonly group: Group;
  readonly task: Task;
  readonly facts: readonly Fact[];
  readonly day: string;
}

/** What the index says of a group that has no statement of a session. */
export interface Named {
  readonly project: Pick<Group["project"], "family" | "folders">;
  readonly tasks: Group["tasks"];
}

type Size = "short" | "full";

const RECENT_DAYS = 3;
const MOST_NAMED = 20;
/** Tokens the index takes at least; with more projects than that lists, the rest is named by folder. */
const LEAST_TOKENS = 1_000;

/**
 * The index under "What's in Memory". Every group has at least one line with keywords that are found in its block; what
 * `spare` tokens allow comes on top: every other subject, and when to look it up, the most recent first.
 */
export function indexLines(
  groups: readonly Group[],
  named: readonly Named[],
  spare: number,
): readonly string[] {
  const listed = listable(groups);
  const topics = groups.filter((group) => listed.has(group)).flatMap(topicsOf);
  const days = new Set([...new Set(topics.map(({ day }) => day))].sort(compare).slice(-RECENT_DAYS));
  const chosen = new Map<Topic, Size>();
  for (const group of listed) {
    const first = topics.find((topic) => topic.group === group);
    if (first !== undefined) chosen.set(first, "short");
  }
  let left = spare - days.size * 30;
  const enlarge = (topic: Topic, size: Size) => {
    const before = chosen.get(topic);
    if (before === size || before === "full") return;
    const price = tokensIn(topic, size) + 4 - (before === undefined ? 0 : tokensIn(topic, before));
    if (price > left) return;
    left -= price;
    chosen.set(topic, size);
  };
  const latest = [...topics].sort((a, b) => compare(b.day, a.day));
  for (const topic of latest) enlarge(topic, "short");
  for (const topic of latest) enlarge(topic, "full");
  return [...recentLines(groups, chosen, days), ...olderLines(groups, chosen, days, listed, named)];
}

function topicsOf(group: Group): readonly Topic[] {
  return group.tasks.flatMap((task) => {
    const facts = group.facts.filter((fact) => homeOf(fact, group.tasks) === task);
    if (facts.length === 0) return [];
    return [{ group, task, facts, day: dayOf(Math.max(...task.threads.map(({ time }) => time))) }];
  });
}

function recentLines(
  groups: readonly Group[],
  chosen: ReadonlyMap<Topic, Size>,
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
  chosen: ReadonlyMap<Topic, Size>,
  days: ReadonlySet<string>,
  listed: ReadonlySet<Group>,
  named: readonly Named[],
): readonly string[] {
  const lines = groups.flatMap((group) => {
    const own = [...chosen]
      .filter(([topic]) => topic.group === group && !days.has(topic.day))
      .sort(([a], [b]) => a.task.number - b.task.number);
    return own.length === 0
      ? []
      : [`#### ${scopeOf(group)}`, ...own.flatMap(([topic, size]) => topicLines(topic, size))];
  });
  const folded = foldedLines(groups.filter((group) => !listed.has(group)));
  const all = [...lines, ...named.slice(0, MOST_NAMED).flatMap(namedLines), ...folded];
  return all.length === 0 ? [] : ["", "### Older Memory Topics", "", ...all];
}

function namedLines({ project, tasks }: Named): readonly string[] {
  const keywords = tasks.flatMap((task) => task.keywords).slice(0, 3);
  const words = [...keywords.map((word) => cutAtWord(word, 40)), "what the user wrote"].join(", ");
  const line = (text: string) => cutAtWord(text.replace(/\s+/g, " "), 120);
  return [`#### ${line(scopeOf({ project }))}`, `- ${line(project.family)}: ${words}`];
}

/** The groups whose one line each fits into the least room, in their order. */
function listable(groups: readonly Group[]): ReadonlySet<Group> {
  let left = LEAST_TOKENS;
  return new Set(
    groups.filter((group) => {
      const [topic] = topicsOf(group);
      left -= tokensOf(scopeOf(group)) + 8 + (topic === undefined ? 0 : tokensIn(topic, "short"));
      return left >= 0;
    }),
  );
}

/** Projects too many to name, by the folder they share: searching the handbook for it finds each of them. */
function foldedLines(groups: readonly Group[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const { project } of groups) {
    const parent = cutAtWord((project.folders[0] ?? "").split("/").slice(0, 4).join("/"), 60).replace(
      /…$/,
      "",
    );
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

function tokensIn(topic: Topic, size: Size): number {
  return tokensOf(topicLines(topic, size).join("\n"));
}

function topicLines({ group, task, facts }: Topic, size: Size): readonly string[] {
  const keywords = task.keywords.slice(0, size === "full" ? 6 : 3).map((word) => cutAtWord(word, 40));
  const line = `- ${cutAtWord(task.title, 80)}: ${(keywords.length === 0 ? [group.project.family] : keywords).join(", ")}`;
  return size === "short" ? [line] : [line, `  - desc: ${descriptionOf(task, facts)}`];
}

/** When to look: what kinds of statement are there, and the one that says most. */
function descriptionOf(task: Task, facts: readonly Fact[]): string {
  const count = (kind: Fact["kind"], one: string, many: string) => {
    const number = facts.filter((fact) => fact.kind === kind).length;
    return number === 0 ? [] : [`${number} ${number === 1 ? one : many}`];
  };
  const holds = [
    ...count("preference", "wish", "wishes"),
    ...count("knowledge", "fact", "facts"),
    ...count("failure", "failure", "failures"),
  ];
  const best = facts.reduce((one, other) => (other.worth > one.worth ? other : one));
  const said = cutAtWord(best.text.replace(/[.。]$/, ""), 110);
  return `[Task ${task.number}], ${holds.join(", ")}; look before work on it: ${said}`;
}

function scopeOf({ project }: Pick<Named, "project">): string {
  return project.folders[0] === "" ? noProject : (project.folders[0] ?? project.family);
}
