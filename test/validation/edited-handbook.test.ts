import fc from "fast-check";
import { expect, test } from "vitest";
import type { Stage1Output } from "../../src/domain/memory.ts";
import { session } from "../engine/phase2-world.ts";
import { edit, run } from "./edited-runs.ts";

const said = (fact: string, cwd = "/home/dev/shop"): Partial<Stage1Output> => ({
  cwd,
  rawMemory: `### Task 1: Keep a promise\n\nReusable knowledge:\n- ${fact}\n`,
});
const NODE = said("The build needs Node 22.");
const RELEASE = said("Releases are tagged by `npm run release`.", "/home/dev/tools");
const OWN = "- Grandmother's recipes live elsewhere.";

/** Two sessions, a person's change, then three more runs with a session each. */
async function after(
  change: (handbook: string) => string,
  first: readonly Partial<Stage1Output>[],
  later: readonly Partial<Stage1Output>[],
) {
  const inputs = first.map((input, at) => session(at + 1, input));
  let { version } = await run(null, inputs);
  version = await edit(version, "MEMORY.md", change);
  const codes: string[] = [];
  const handbooks = [version.files["MEMORY.md"] ?? ""];
  for (const input of later) {
    inputs.push(session(inputs.length + 1, input));
    const result = await run(version, inputs);
    codes.push(
      ...result.findings
        .filter(({ code, severity }) => severity !== "warn" && !SHAPE.has(code))
        .map(({ message }) => message),
    );
    version = result.version;
    handbooks.push(version.files["MEMORY.md"] ?? "");
  }
  return { codes, handbooks, summary: version.files["memory_summary.md"] ?? "" };
}

/** The agent is asked to mend these, and published with a warning when it can't. */
const SHAPE: ReadonlySet<string> = new Set([
  "no_task_group",
  "group_header",
  "task_form",
  "group_not_indexed",
  "stray_text",
]);

const untilFirst = (text: string, mark: string) => text.slice(0, text.indexOf(mark));
const WAYS: readonly (readonly [what: string, change: (text: string) => string])[] = [
  ["replaces every statement", (text) => text.replace(/^- .*\[Task 1\]$/gm, OWN)],
  ["deletes every statement", (text) => text.replace(/^- .*\[Task 1\]\n/gm, "")],
  ["deletes the sections with them", (text) => text.replace(/\n## Reusable knowledge\n\n.*\n/g, "")],
  ["leaves the first head alone", (text) => untilFirst(text, "\n## ")],
  [
    "writes below the first head",
    (text) => `${untilFirst(text, "\n## ")}\n## Reusable knowledge\n\n${OWN}\n`,
  ],
  ["deletes every group", () => ""],
  [
    "writes a line and saves it with other line endings",
    (text) => `\ufeff${`${text}${OWN}\n`.replaceAll("\n", "\r\n")}`,
  ],
  ["deletes the first group", (text) => text.slice(Math.max(0, text.indexOf("# Task Group:", 5)))],
  ["leaves words of their own alone", () => `# Mine\n\n${OWN}\n`],
  ["leaves a group of their own alone", () => `# Task Group: mine\n\n${OWN}\n`],
  ["writes a group of their own beside", (text) => `${text}\n# Task Group: mine\n\n${OWN}\n`],
  ["deletes the tasks", (text) => text.replace(/\n## Task 1[\s\S]*?(?=\n## Reusable)/g, "")],
];

test.each(WAYS)("the built-in agent goes on, run after run, when a person %s", async (_, change) => {
  for (const first of [[NODE], [NODE, RELEASE]]) {
    const { codes, handbooks } = await after(change, first, [NODE, NODE, NODE]);
    expect(codes).toEqual([]);
    const isOwn = handbooks[0]?.includes(OWN) ?? false;
    expect(handbooks.map((text) => text.includes(OWN))).toEqual(handbooks.map(() => isOwn));
    const isGone = !(handbooks[0]?.includes("The build needs") ?? false);
    expect(handbooks.map((text) => !text.includes("The build needs"))).toEqual(handbooks.map(() => isGone));
  }
});

test("a group of which the person replaced every statement keeps its evidence and its place in the index", async () => {
  const { handbooks, summary } = await after(WAYS[0]?.[1] ?? String, [NODE], [NODE]);
  expect(handbooks[1]).toMatch(
    /^# Task Group: dev\/shop\nscope: .*\napplies_to: .*\n\n## Task 1: [\s\S]*\n- rollout_summaries\/[\s\S]*\n## Reusable knowledge\n\n- Grandmother's recipes live elsewhere\.\n$/,
  );
  expect(summary).toMatch(
    /### Older Memory Topics\n\n#### \/home\/dev\/shop\n- dev\/shop: .*what the user wrote\n/,
  );
});

test("the summary and its index name nothing of a group that the person deleted", async () => {
  const wish = {
    cwd: "/home/dev/shop",
    rawMemory: "### Task 1: Wire the ledger\n\nUser preferences:\n- the user always wants amounts in cents\n",
  };
  const shop = (text: string) =>
    text
      .split(/(?=^# Task Group:)/m)
      .filter((group) => !group.includes("cwd=/home/dev/shop"))
      .join("");
  const { handbooks, summary } = await after(shop, [wish, RELEASE], [RELEASE]);
  expect([handbooks[1], summary].map((text) => /shop|ledger|cents/.exec(text ?? "")?.[0] ?? null)).toEqual([
    null,
    null,
  ]);
  expect(summary).toContain("/home/dev/tools");
});

test("a group that the person deleted comes back with a new statement alone", async () => {
  const news = said("The shop opens at nine.");
  const { handbooks } = await after(() => "", [NODE], [NODE, news, NODE]);
  expect(handbooks[1]).toBe("No session has taught anything that is worth keeping yet.\n");
  for (const text of handbooks.slice(2)) {
    expect(text).toContain("- The shop opens at nine.");
    expect(text).not.toContain("The build needs");
  }
});

test("whatever statements a person deletes, replaces or adds, the built-in agent's next runs are let through", async () => {
  const ways = fc.array(fc.constantFrom("keep", "delete", "replace", "add"), { minLength: 3, maxLength: 3 });
  const inputs = fc.array(fc.constantFrom(NODE, RELEASE, said("The shop opens at nine.")), {
    minLength: 1,
    maxLength: 3,
  });
  await fc.assert(
    fc.asyncProperty(ways, inputs, inputs, async (list, first, later) => {
      let at = -1;
      const change = (text: string) =>
        text.replace(/^- .*\[Task \d\]\n/gm, (line) => {
          at += 1;
          const way = list[at % list.length];
          if (way === "keep") return line;
          return way === "delete" ? "" : way === "replace" ? `${OWN}\n` : `${line}- Ask first, ${at}.\n`;
        });
      expect((await after(change, first, later)).codes).toEqual([]);
    }),
    { numRuns: 25, seed: 11 },
  );
});
