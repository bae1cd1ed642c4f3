import { tokensOf } from "../text/tokens.ts";
import type { Fact } from "./facts.ts";
import { hasWayOut } from "./forms.ts";
import { dayOf, type Group, homeOf } from "./groups.ts";
import { noProject } from "./handbook.ts";
import { hasWordOf } from "./lexicon.ts";
import { likeness, type Meaning, meaningOf } from "./meaning.ts";
import { cutAtWord } from "./prose.ts";
import type { Task } from "./tasks.ts";
import { compare } from "./thread.ts";

/** Tokens of the whole summary, by our own careful estimate. Readers load all of it at the start of every session. */
const SUMMARY_TOKENS = 2_400;

/** A statement that holds beyond one project. */
interface General {
  readonly fact: Fact;
  readonly meaning: Meaning;
  readonly families: string[];
}

/**
 * memory_summary.md: who the user is, what they want everywhere, what helps anywhere, and an index by which every group
 * of the handbook is found.
 */
export function summaryOf(groups: readonly Group[], named: readonly Named[] = []): string {
  const profile = profileLines(groups);
  const least = indexLines(groups, named, 0);
  let left = SUMMARY_TOKENS - tokensOf(["v1", TITLES.join("\n\n\n"), ...profile, ...least].join("\n"));
  const preferences = fill(linesOf(groups, ["preference"]), left * 0.4);
  left -= cost(preferences);
  const tips = fill(linesOf(groups, ["knowledge", "failure"]), left * 0.25);
  left -= cost(tips);
  return `${["v1", ...sectionLines(profile, preferences, tips, indexLines(groups, named, left))].join("\n")}\n`;
}

const TITLES = ["## User Profile", "## User preferences", "## General Tips", "## What's in Memory"] as const;

function sectionLines(...sections: readonly (readonly string[])[]): readonly string[] {
  return TITLES.flatMap((title, at) => [
    "",
    title,
    "",
    ...(sections[at]?.length ? (sections[at] ?? []) : ["Nothing recorded yet."]),
  ]);
}

/** What several projects share or the person said as a rule, the widest first chosen, the oldest first printed. */
function linesOf(groups: readonly Group[], wanted: readonly Fact["kind"][]): readonly string[] {
  return generalIn(groups, wanted)
    .filter(({ fact, families }) => families.length > 1 || isRule(fact) || isEnvironment(fact))
    .sort(
      (a, b) =>
        b.families.length - a.families.length ||
        b.fact.threads.length - a.fact.threads.length ||
        b.fact.worth - a.fact.worth ||
        a.fact.firstSeen - b.fact.firstSeen,
    )
    .map(({ fact, families }) => `- ${fact.text} [${families.join(", ")}]`);
}

function generalIn(groups: readonly Group[], wanted: readonly Fact["kind"][]): readonly General[] {
  const found: General[] = [];
  const byWord = new Map<string, General[]>();
  for (const { project, facts } of groups)
    for (const fact of facts) {
      if (!wanted.includes(fact.kind)) continue;
      const meaning = meaningOf(fact.text);
      const same = [...meaning.words]
        .flatMap((word) => byWord.get(word) ?? [])
        .find((other) => likeness(other.meaning, meaning) >= 0.75);
      if (same !== undefined) {
        if (!same.families.includes(project.family)) same.families.push(project.family);
        continue;
      }
      const general = { fact, meaning, families: [project.family] };
      found.push(general);
      for (const word of meaning.words) byWord.set(word, [...(byWord.get(word) ?? []).slice(-40), general]);
    }
  return found;
}

/** A wish that holds everywhere and can be understood by somebody who knows nothing of the project. */
function isRule({ kind, text, threads, isPersons }: Fact): boolean {
  if (kind !== "preference") return false;
  const isOfCode = /`|\w\/\w|\w_\w|[a-z][A-Z]|\.\w{1,4}\b(?!\s|$)/.test(text);
  if (isOfCode || hasWordOf("moment", text)) return false;
  if (hasWordOf("lasting", text) || threads.length > 1) return true;
  if (!hasWordOf("demand", text)) return false;
  return !isPersons || isOrder(text.replace(/^"|"$/g, ""));
}

/** A whole sentence that forbids something, or says what something must be. */
function isOrder(words: string): boolean {
  const isWhole = /^[^\p{Ll}].*[.。]/u.test(words) && !hasWordOf("pointer", words);
  const forbids = /^\W*(?:no|never|do not|don['’]?t(?! need)|keine?\w*|pas de|sin|[^\x00-\x7f])/i;
  const obliges = /^\p{L}+ .*\b(?:must|should|soll\w*|muss|müssen|doit|doivent|debe\w*|dev\w+)\b/iu;
  return (
    isWhole && (forbids.test(words) || (obliges.test(words) && !/^(?:we|you|i|should|must)\b/i.test(words)))
  );
}

/** The same trouble in three sessions is about the machine; without a way out it is no tip. */
function isEnvironment({ kind, text, threads }: Fact): boolean {
  return kind === "failure" && threads.length >= 3 && hasWayOut(text);
}

/** Lines that fit, in order; one that doesn't is passed over for shorter ones. */
function fill(lines: readonly string[], tokens: number): readonly string[] {
  let left = tokens;
  return lines.filter((line) => {
    const price = tokensOf(`${line}\n`);
    if (price > left) return false;
    left -= price;
    return true;
  });
}

function cost(lines: readonly string[]): number {
  return tokensOf(`${lines.join("\n")}\n`);
}

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
function indexLines(groups: readonly Group[], named: readonly Named[], spare: number): readonly string[] {
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
  const texts = cutAtWord(best.text.replace(/[.。]$/, ""), 110);
  return `[Task ${task.number}], ${holds.join(", ")}; look before work on it: ${texts}`;
}

function scopeOf({ project }: Pick<Named, "project">): string {
  return project.folders[0] === "" ? noProject : (project.folders[0] ?? project.family);
}

/** Who the user is as far as counting can tell: where they work, with what, on what. At most a few sentences. */
function profileLines(groups: readonly Group[]): readonly string[] {
  if (groups.length === 0) return [];
  const busiest = groups
    .map(({ project: { family, sessions } }) => ({
      family,
      count: sessions.length,
      last: dayOf(Math.max(...sessions.map(({ thread }) => thread.time))),
    }))
    .sort((a, b) => b.count - a.count || compare(b.last, a.last));
  const named = busiest
    .slice(0, 4)
    .map(
      ({ family, count, last }) =>
        `${family} (${count === 1 ? "1 session" : `${count} sessions`}, last on ${last})`,
    );
  const more = busiest.length > 4 ? ` and ${busiest.length - 4} more` : "";
  const lines = [
    `Has worked with agents in ${groups.length === 1 ? "one project" : `${groups.length} projects`}: ${named.join(", ")}${more}.`,
  ];
  const words = groups.flatMap(({ tasks }) => tasks.flatMap((task) => task.keywords));
  const texts = groups.flatMap(({ facts }) => facts.map(({ text }) => text));
  const files = [...words, ...texts.flatMap((text) => text.match(/[\w/-]+\.\w{1,5}\b/g) ?? [])];
  const tools = ranked(
    files.flatMap((word) => LANGUAGES.get(/\.(\w{1,5})$/.exec(word)?.[1] ?? "") ?? []),
    5,
    4,
  );
  if (tools.length > 0) lines.push(`Works mostly with ${tools.join(", ")}.`);
  return lines;
}

function ranked(words: readonly string[], most: number, least = 1): readonly string[] {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts]
    .filter(([, count]) => count >= least)
    .sort((a, b) => b[1] - a[1] || compare(a[0], b[0]))
    .slice(0, most)
    .map(([word]) => word);
}

const LANGUAGES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    ts: "TypeScript",
    tsx: "TypeScript",
    mts: "TypeScript",
    js: "JavaScript",
    mjs: "JavaScript",
    jsx: "JavaScript",
    go: "Go",
    rs: "Rust",
    py: "Python",
    rb: "Ruby",
    java: "Java",
    kt: "Kotlin",
    swift: "Swift",
    c: "C",
    h: "C",
    cpp: "C++",
    cs: "C#",
    php: "PHP",
    sh: "shell scripts",
    sql: "SQL",
    lua: "Lua",
    ex: "Elixir",
    exs: "Elixir",
    hs: "Haskell",
    scala: "Scala",
    zig: "Zig",
    dart: "Dart",
    vue: "Vue",
    svelte: "Svelte",
    css: "CSS",
    html: "HTML",
    tf: "Terraform",
    ipynb: "Jupyter notebooks",
  }),
);
