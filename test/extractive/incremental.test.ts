import { describe, expect, test } from "vitest";
import { consolidate } from "../../src/extractive/consolidate.ts";
import { readHandbook } from "../../src/extractive/handbook.ts";
import { bullets, inputOf, note, type Session, statements } from "./sessions.ts";

const head = (subject: string) =>
  `---\ndescription: ${subject}\nkeywords: ${subject.replaceAll(" ", ", ")}\n---\n\n`;
const shop1: Session = {
  id: "aa01",
  day: 1,
  cwd: "/shop",
  memory: note({
    head: head("checkout totals"),
    preferences: ["Prices are always stored in cents."],
    knowledge: ["Totals are rounded per line because the tax office wants it."],
  }),
};
const shop2: Session = {
  id: "aa02",
  day: 2,
  cwd: "/shop",
  memory: note({
    head: head("voucher import"),
    knowledge: [
      "Vouchers are imported nightly because the partner has no API.",
      "Totals are rounded per line because the tax office wants it.",
    ],
  }),
};
const blog1: Session = {
  id: "bb01",
  day: 3,
  cwd: "/blog",
  memory: note({
    head: head("feed cache"),
    knowledge: ["The feed is cached for an hour because readers poll it."],
  }),
};
const blog2: Session = {
  ...blog1,
  id: "bb02",
  day: 4,
  memory: note({
    head: head("image sizes"),
    knowledge: ["Images are resized at upload because phones are slow."],
  }),
};

const run = (sessions: readonly Session[], base?: { memory: string; summary: string }) =>
  consolidate(inputOf(sessions, base));
const block = (memory: string, cwd: string) =>
  readHandbook(memory).groups.find((group) => group.cwd === cwd)?.text;

describe("an incremental consolidation", () => {
  test("gives the same bytes for the same input, in any order of files, and changes nothing the second time", () => {
    const once = run([shop1, shop2, blog1]);
    expect(run([blog1, shop2, shop1])).toEqual(once);
    expect(run([shop1, shop2, blog1], once)).toEqual(once);
  });

  test("keeps the bytes of groups whose sessions are the same, even where they were edited", () => {
    const base = run([shop1, shop2, blog1]);
    const edited = base.memory.replace(
      "## Reusable knowledge\n",
      "Someone explains the shop here.\n\n## Reusable knowledge\n",
    );
    const { memory } = run([shop1, shop2, blog1, blog2], { ...base, memory: edited });
    expect(block(memory, "/shop")).toBe(block(edited, "/shop"));
    expect(block(memory, "/blog")).not.toBe(block(edited, "/blog"));
  });

  test("comes to the same handbook as from nothing when sessions are added", () => {
    expect(run([shop1, shop2, blog1, blog2], run([shop1, blog1])).memory).toBe(
      run([shop1, shop2, blog1, blog2]).memory,
    );
  });

  test("forgets what only a removed session supported, and keeps what another one says too", () => {
    const base = run([shop1, shop2, blog1]);
    const { memory, summary } = run([shop2], base);
    expect(bullets(memory)).toEqual([
      "Totals are rounded per line because the tax office wants it. [Task 1]",
      "Vouchers are imported nightly because the partner has no API. [Task 1]",
    ]);
    expect(memory + summary).not.toMatch(/aa01|bb01|cents|feed|blog/);
  });

  test("forgets what a session no longer says", () => {
    const base = run([shop1]);
    const changed = {
      ...shop1,
      day: 5,
      memory: note({ knowledge: ["Totals are computed by the tax service because rules change."] }),
    };
    expect(statements(run([changed], base).memory)).toEqual([
      "Totals are computed by the tax service because rules change.",
    ]);
  });

  test("keeps what the user wrote into a group, in its section, before ours", () => {
    const base = run([shop1]);
    const byHand = base.memory.replace(
      "## Reusable knowledge\n\n",
      "## Reusable knowledge\n\n- Ask Ines before touching the tax tables\n",
    );
    const first = run([shop1, shop2], { ...base, memory: byHand });
    expect(bullets(first.memory, "Reusable knowledge")[0]).toBe("Ask Ines before touching the tax tables");
    const second = run([shop1, shop2, { ...shop2, id: "aa03", day: 6 }], first);
    expect(bullets(second.memory, "Reusable knowledge")[0]).toBe("Ask Ines before touching the tax tables");
    expect(bullets(second.memory).filter((bullet) => bullet.includes("Ines"))).toHaveLength(1);
  });

  test("keeps the user's correction of a statement instead of the statement's old reference", () => {
    const base = run([shop1]);
    const corrected = base.memory.replace(
      "Prices are always stored in cents.",
      "Every amount lives in a decimal column with four places.",
    );
    const { memory } = run([shop1, shop2], { ...base, memory: corrected });
    expect(bullets(memory, "User preferences")).toContain(
      "Every amount lives in a decimal column with four places. [Task 2]",
    );
  });

  test("keeps the user's own sections, preamble and groups, and notes in a group whose sessions are gone", () => {
    const base = run([shop1, blog1]);
    const memory = `Read the glossary first.\n\n${base.memory.replace("## User preferences", "## Deploy window\n\nTuesdays only.\n\n## User preferences").replace("readers poll it. [Task 1]", "readers poll it. [Task 1]\n- The blog belongs to marketing")}\n# Task Group: household\n\n- My own list\n`;
    const result = run([shop1, shop2], { ...base, memory }).memory;
    expect(result.startsWith("Read the glossary first.\n\n# Task Group:")).toBe(true);
    expect(
      readHandbook(result).groups.map(({ cwd, foreign, items }) => [
        cwd,
        foreign,
        items.knowledge.map(({ text }) => text).includes("The blog belongs to marketing"),
      ]),
    ).toEqual([
      ["/shop", ["## Deploy window\n\nTuesdays only."], false],
      ["/blog", [], true],
      [null, [], false],
    ]);
    expect(result).not.toContain("readers poll it");
    expect(run([shop1, shop2], { memory: result, summary: base.summary }).memory).toBe(result);
  });

  test("keeps what the user wrote into the summary, and drops from it what the handbook no longer says", () => {
    const base = run([shop1, blog1]);
    const summary = base.summary
      .replace("## General Tips\n\n", "## General Tips\n\n- Lunch is at noon\n")
      .replace("## User preferences\n\n", "## User preferences\n\n- Answer in Portuguese\n");
    const next = run([shop1], { ...base, summary }).summary;
    expect(next).toContain("## General Tips\n\n- Lunch is at noon\n");
    expect(next).toContain("## User preferences\n\n- Answer in Portuguese\n");
    expect(next).not.toContain("feed is cached");
  });

  test("takes what another agent wrote for its own words only while all its sessions stand", () => {
    const base = run([shop1, shop2]);
    const foreign = {
      memory: base.memory
        .replace(/^scope: .*$/m, "scope: checkout and vouchers")
        .replace(
          "## Reusable knowledge\n\n",
          "## Reusable knowledge\n\n- The voucher partner is called Meridian\n",
        ),
      summary:
        "v1\n\n## User Profile\n\nWorks on a shop with a partner called Meridian.\n\n## General Tips\n\n- Meridian answers slowly\n",
    };
    expect(run([shop1, shop2], foreign).memory).toBe(foreign.memory);
    expect(run([shop1, shop2, { ...shop2, id: "aa03", day: 9 }], foreign).memory).toContain("Meridian");
    const { memory, summary } = run([shop1], foreign);
    expect(memory + summary).not.toContain("Meridian");
  });
});
