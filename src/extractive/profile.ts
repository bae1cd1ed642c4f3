import type { Group } from "./group.ts";
import { dayOf } from "./group.ts";
import { compare } from "./thread.ts";

/** Who the user is as far as counting can tell: where they work, with what, on what. At most a few sentences. */
export function profileLines(groups: readonly Group[]): readonly string[] {
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
  const said = groups.flatMap(({ facts }) => facts.map(({ text }) => text));
  const files = [...words, ...said.flatMap((text) => text.match(/[\w/-]+\.\w{1,5}\b/g) ?? [])];
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
