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

const run = (sessions: readonly Session[], handEdits: string | null = null) =>
  consolidate(inputOf(sessions, handEdits));
const block = (memory: string, cwd: string) =>
  readHandbook(memory).groups.find((group) => group.cwd === cwd)?.text;

describe("one session more or less", () => {
  test("gives the same bytes for the same input, in any order of files", () => {
    expect(run([blog1, shop2, shop1])).toEqual(run([shop1, shop2, blog1]));
  });

  test("keeps the bytes of groups whose sessions are the same", () => {
    const before = run([shop1, shop2, blog1]).memory;
    const { memory } = run([shop1, shop2, blog1, blog2]);
    expect(block(memory, "/shop")).toBe(block(before, "/shop"));
    expect(block(memory, "/blog")).not.toBe(block(before, "/blog"));
  });

  test("changes no line of the same group but those that count its sessions", () => {
    const before = run([shop1]).memory.split("\n");
    const after = new Set(run([shop1, shop2]).memory.split("\n"));
    expect(before.filter((line) => !after.has(line))).toEqual([
      "scope: what one session in /shop taught (2026-01-02)",
      "- Totals are rounded per line because the tax office wants it. [Task 1]",
    ]);
  });

  test("forgets what only a removed session supported, and keeps what another one says too", () => {
    const { memory, summary } = run([shop2]);
    expect(bullets(memory)).toEqual([
      "Totals are rounded per line because the tax office wants it. [Task 1]",
      "Vouchers are imported nightly because the partner has no API. [Task 1]",
    ]);
    expect(memory + summary).not.toMatch(/aa01|bb01|cents|feed|blog/);
  });

  test("forgets what a session no longer says", () => {
    const changed = {
      ...shop1,
      day: 5,
      memory: note({ knowledge: ["Totals are computed by the tax service because rules change."] }),
    };
    expect(statements(run([changed]).memory)).toEqual([
      "Totals are computed by the tax service because rules change.",
    ]);
  });

  test("takes a session that was resumed for as old as its beginning", () => {
    const told = (id: string, day: number, text: string): Session => ({
      id,
      day,
      cwd: "/shop",
      memory: note({ knowledge: [text] }),
    });
    const old = "The gateway of the shop listens on port 8080.";
    const changed = told("aa02", 4, "The gateway of the shop moved from 8080 to 9090.");
    const resumed = { ...told("aa01", 30, old), started: "2026-01-03T10-00-00" };
    expect(statements(run([resumed, changed]).memory)).toEqual([
      "The gateway of the shop moved from 8080 to 9090.",
    ]);
  });
});

describe("what the person changed by hand", () => {
  const diff = (...lines: readonly string[]) =>
    `--- a/MEMORY.md\n+++ b/MEMORY.md\n@@ -1,1 +1,1 @@\n${lines.join("\n")}\n`;

  test("keeps a line out that the person deleted", () => {
    const gone = diff("-- Totals are rounded per line because the tax office wants it. [Task 1]");
    expect(statements(run([shop1, shop2], gone).memory)).toEqual([
      "Prices are always stored in cents.",
      "Vouchers are imported nightly because the partner has no API.",
    ]);
  });

  test("does not repeat what the person says, and is silent where the person says the contrary", () => {
    const own = diff(
      "+- Prices are never stored in cents.",
      "+- Vouchers are imported nightly, the partner has no API.",
    );
    expect(statements(run([shop1, shop2], own).memory)).toEqual([
      "Totals are rounded per line because the tax office wants it.",
    ]);
  });
});
