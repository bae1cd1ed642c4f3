import { type Group, kinds } from "./handbook.ts";
import { compare } from "./thread.ts";

const openings = [
  "Has worked with agents in",
  "Works mostly with",
  "Subjects that keep coming back:",
] as const;

/** Who the user is as far as counting can tell: where they work, with what, on what. At most a few sentences. */
export function profileLines(groups: readonly Group[]): readonly string[] {
  if (groups.length === 0) return [];
  const busiest = groups
    .map((group) => ({ group, ids: sessionsOf(group), last: lastDay(group) }))
    .sort((a, b) => b.ids - a.ids || compare(b.last, a.last));
  const named = busiest
    .slice(0, 4)
    .map(
      ({ group, ids, last }) =>
        `${group.family} (${ids === 1 ? "1 session" : `${ids} sessions`}, last on ${last})`,
    );
  const more = busiest.length > 4 ? ` and ${busiest.length - 4} more` : "";
  const lines = [
    `${openings[0]} ${groups.length === 1 ? "one project" : `${groups.length} projects`}: ${named.join(", ")}${more}.`,
  ];
  const words = groups.flatMap((group) => group.tasks.flatMap((task) => task.keywords));
  const said = groups.flatMap((group) => kinds.flatMap((kind) => group.items[kind].map(({ text }) => text)));
  const files = [...words, ...said.flatMap((text) => text.match(/[\w/-]+\.\w{1,5}\b/g) ?? [])];
  const tools = ranked(
    files.flatMap((word) => languages.get(/\.(\w{1,5})$/.exec(word)?.[1] ?? "") ?? []),
    5,
    4,
  );
  if (tools.length > 0) lines.push(`${openings[1]} ${tools.join(", ")}.`);
  const subjects = ranked(
    words.filter((word) => !/^\.|\.\.\//.test(word)),
    8,
    2,
  );
  if (subjects.length > 0) lines.push(`${openings[2]} ${subjects.join(", ")}.`);
  return lines;
}

export function isProfileLine(line: string): boolean {
  return openings.some((opening) => line.startsWith(opening));
}

function sessionsOf(group: Group): number {
  return new Set(group.tasks.flatMap((task) => task.citations.map(({ threadId }) => threadId))).size;
}

/** `YYYY-MM-DD` of the latest session of a group; empty without sessions. */
function lastDay(group: Group): string {
  return (
    group.tasks
      .flatMap((task) => task.citations.map(({ updatedAt }) => updatedAt.slice(0, 10)))
      .sort(compare)
      .at(-1) ?? ""
  );
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

const languages: ReadonlyMap<string, string> = new Map(
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
