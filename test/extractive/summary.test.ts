import { describe, expect, test } from "vitest";
import { readHandbook } from "../../src/extractive/handbook.ts";
import { tokensOf } from "../../src/text/tokens.ts";
import { consolidated, note, type Session } from "./sessions.ts";

const head = (description: string, keywords: string) =>
  `---\ndescription: ${description}\nkeywords: ${keywords}\n---\n\n`;

/** Many sessions over many projects, with long words and wide scripts. */
function crowd(projects: number, each: number): readonly Session[] {
  return Array.from({ length: projects * each }, (_, at) => ({
    id: `t${at}`,
    day: at % 300,
    cwd: `/home/u/clients/${at % projects}/product-${at % projects}`,
    memory: note({
      head: head(
        `Subject ${at} of the ${["billing", "search", "mail", "地図"][at % 4]} work`,
        `keyword${at}, thing${at % 7}, 検索`,
      ),
      preferences: [`The user always wants report ${at} to be reviewed by two people.`],
      knowledge: [
        `Component ${at} は設定ファイルを読み込むために起動時に停止する。`,
        `Service number ${at} keeps its state in bucket-${at} because restarts are frequent.`,
      ],
    }),
  }));
}

describe("the summary", { timeout: 60_000 }, () => {
  test("has its four parts in order after the version line, and the last three memory days in full", () => {
    const { summary } = consolidated(
      {
        id: "aa01",
        day: 1,
        memory: note({
          head: head("Old export format", "export, csv, web"),
          knowledge: ["Exports are split per month because files were too big."],
        }),
      },
      {
        id: "aa02",
        day: 5,
        memory: note({
          head: head("Login throttling", "login, redis, web"),
          preferences: ["The user wants plain words in error messages."],
          failures: ["Logins failed because Redis evicted the counters; set noeviction."],
        }),
      },
      {
        id: "aa03",
        day: 6,
        memory: note({
          head: head("Dark theme", "css, theme, web"),
          knowledge: ["Colours are defined in `theme.css` only."],
        }),
      },
      {
        id: "aa04",
        day: 7,
        memory: note({
          head: head("Font loading", "fonts, layout, web"),
          knowledge: ["Fonts are served from our own origin because of privacy."],
        }),
      },
    );
    expect(summary).toBe(`v1

## User Profile

Has worked with agents in one project: u/app (4 sessions, last on 2026-01-08).

## User preferences

- The user wants plain words in error messages. [u/app]

## General Tips

Nothing recorded yet.

## What's in Memory

### /home/u/app

#### 2026-01-08

- Font loading: fonts, layout, web, Font, loading
  - desc: [Task 4], 1 fact; look before work on it: Fonts are served from our own origin because of privacy

#### 2026-01-07

- Dark theme: theme.css, css, theme, web, Dark
  - desc: [Task 3], 1 fact; look before work on it: Colours are defined in \`theme.css\` only

#### 2026-01-06

- Login throttling: login, redis, web, throttling
  - desc: [Task 2], 1 wish, 1 failure; look before work on it: Logins failed because Redis evicted the counters; set noeviction

### Older Memory Topics

#### /home/u/app
- Old export format: export, csv, web, format
  - desc: [Task 1], 1 fact; look before work on it: Exports are split per month because files were too big
`);
  });

  test.each([
    [1, 1],
    [1, 60],
    [5, 20],
    [40, 3],
    [250, 1],
  ])("stays within 2,500 tokens and leads to every group: %i projects of %i sessions", (projects, each) => {
    const { memory, summary } = consolidated(...crowd(projects, each));
    expect(tokensOf(summary)).toBeLessThanOrEqual(2_500);
    expect(summary.split("## User preferences")[0]?.split(/\s+/).length).toBeLessThan(350);
    const groups = readHandbook(memory).groups;
    const index = summary.slice(summary.indexOf("## What's in Memory"));
    const searches = [...index.matchAll(/"(cwd=[^"]*)"/g)].map((match) => match[1] ?? "");
    const named = [...index.matchAll(/^- .+: (.+)$/gm)].flatMap((match) => (match[1] ?? "").split(", "));
    const isFound = (text: string) =>
      named.some((keyword) => text.includes(keyword)) || searches.some((search) => text.includes(search));
    expect(groups.filter(({ text }) => !isFound(text)).map(({ family }) => family)).toEqual([]);
    expect(groups.length).toBeGreaterThan(0);
  });

  test("says once what several projects want, and names them", () => {
    const wish = note({ preferences: ["The user wants every error to say what to do next."] });
    const { summary } = consolidated(
      { id: "aa01", day: 1, cwd: "/w/api", memory: wish },
      { id: "aa02", day: 2, cwd: "/w/web", memory: wish },
    );
    expect(summary).toContain(
      "## User preferences\n\n- The user wants every error to say what to do next. [w/api, w/web]\n\n",
    );
  });

  test("estimates tokens on the safe side for words, paths and wide scripts", () => {
    expect(tokensOf("word ".repeat(100))).toBeGreaterThanOrEqual(120);
    expect(tokensOf("src/services/agents/extractive/main.ts")).toBeGreaterThanOrEqual(10);
    expect(tokensOf("設定ファイルを読み込む")).toBeGreaterThanOrEqual(11);
  });
});
