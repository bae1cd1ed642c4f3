import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { isOurSkill } from "../../src/extractive/skills.ts";
import { writeSkills } from "../../src/extractive/workspace.ts";
import { frontMatterOf } from "../../src/validation/skills.ts";
import { consolidated, note, type Session } from "./sessions.ts";

const WORDINGS = [
  "Before the tests run `make fixtures`, then `npm run index`, otherwise the data is stale.",
  "To get fresh data use `make fixtures` and then `npm run index`, because the tests read the index.",
  "The fixtures are built with `make fixtures`, then `npm run index`; never by hand.",
];
const saying = (text: string, day: number): Session => ({
  id: `s${day}`,
  day,
  cwd: "/home/u/shop",
  memory: note({ knowledge: [text] }),
});
const repeated = WORDINGS.map(saying);

describe("a procedure", () => {
  test("that three sessions of a project used becomes a skill with its steps in order", () => {
    const { skills } = consolidated(...repeated);
    expect(skills.map(({ name }) => name)).toEqual(["shop-npm-run-index"]);
    const [{ text } = { text: "" }] = skills;
    expect(frontMatterOf(text)).toMatchObject({
      name: "shop-npm-run-index",
      description: "u/shop: make fixtures, then npm run index",
    });
    expect(text).toContain("## Steps\n\n1. `make fixtures`\n2. `npm run index`\n");
    expect(text.match(/thread_id=/g)).toHaveLength(3);
  });

  test.each([
    ["two sessions used", repeated.slice(0, 2)],
    [
      "is one command only",
      [0, 1, 2].map((day) => saying("Run `make fixtures` before the tests, otherwise they fail.", day)),
    ],
    [
      "sessions warn of",
      [0, 1, 2].map((day) =>
        saying("Never `make clean`, then `npm run index`, because the index goes.", day),
      ),
    ],
    ["different projects used", repeated.map((session, at) => ({ ...session, cwd: `/home/u/other${at}` }))],
  ])("that %s is none", (_, sessions) => {
    expect(consolidated(...sessions).skills).toEqual([]);
  });
});

describe("the skills of a workspace", () => {
  const { skills } = consolidated(...repeated);
  const workspace = () => {
    const root = mkdtempSync(join(tmpdir(), "extractive-skills-"));
    onTestFinished(() => rmSync(root, { recursive: true, force: true }));
    return root;
  };
  const file = (root: string) => join(root, "skills", "shop-npm-run-index", "SKILL.md");

  test("are written, and go when no session supports them any more", () => {
    const root = workspace();
    writeSkills(root, skills);
    expect(isOurSkill(readFileSync(file(root), "utf8"))).toBe(true);
    writeSkills(root, []);
    expect(readdirSync(root)).toEqual([]);
  });

  test("that the person wrote or changed stay as they are", () => {
    const root = workspace();
    writeSkills(root, skills);
    const changed = `${readFileSync(file(root), "utf8")}\nAsk Ada first.\n`;
    writeFileSync(file(root), changed);
    mkdirSync(join(root, "skills", "mine"));
    writeFileSync(join(root, "skills", "mine", "SKILL.md"), "---\nname: mine\ndescription: mine\n---\n");
    writeSkills(root, skills);
    writeSkills(root, []);
    expect(readFileSync(file(root), "utf8")).toBe(changed);
    expect(readdirSync(join(root, "skills")).sort()).toEqual(["mine", "shop-npm-run-index"]);
  });
});
