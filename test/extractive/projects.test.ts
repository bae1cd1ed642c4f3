import { describe, expect, test } from "vitest";
import { consolidate } from "../../src/extractive/consolidate.ts";
import { inputOf, note } from "./sessions.ts";

/** The folders of each group, when one session was in each of the folders. */
function groupsOf(folders: readonly string[], projects: string | null = null): readonly string[] {
  const sessions = folders.map((cwd, day) => ({
    id: `s${day}`,
    day,
    cwd,
    memory: note({ knowledge: [`The port of part ${day} is 80${day}0 because the proxy expects it.`] }),
  }));
  const { memory } = consolidate({ ...inputOf(sessions), projects });
  return memory
    .split("\n")
    .filter((line) => line.startsWith("applies_to:"))
    .map((line) => /cwd=(.*?);/.exec(line)?.[1] ?? "")
    .sort();
}

const IDENTITIES = JSON.stringify({ "/srv/alpha": "p1", "/elsewhere/beta": "p1", "/other/alpha": "p2" });

describe("sessions of one repository are one group", () => {
  test.each([
    [
      "in worktrees",
      [
        "/home/u/code/shopfront",
        "/home/u/code/shopfront.worktrees/fix",
        "/home/u/code/shopfront/.worktrees/x",
      ],
    ],
    ["in folders that differ in case only", ["/Users/u/Source/Shopfront", "/Users/u/source/shopfront"]],
    ["under a renamed parent", ["/home/u/old/shop-front-42", "/home/u/new/shop-front-42"]],
  ])("%s, by the form of the path", (_, folders) => {
    expect(groupsOf(folders)).toEqual([folders.join(", ")]);
  });

  test("in a clone of another name, by what git knows", () => {
    expect(groupsOf(["/srv/alpha", "/elsewhere/beta"])).toEqual(["/elsewhere/beta", "/srv/alpha"]);
    expect(groupsOf(["/srv/alpha", "/elsewhere/beta"], IDENTITIES)).toEqual(["/srv/alpha, /elsewhere/beta"]);
  });

  test("and two repositories stay two, however alike their paths are", () => {
    const twins = ["/srv/alpha", "/other/alpha"];
    const alike = JSON.stringify({ "/home/u/a/shop-front-42": "p1", "/home/u/b/shop-front-42": "p2" });
    expect(groupsOf(twins, IDENTITIES)).toEqual(["/other/alpha", "/srv/alpha"]);
    expect(groupsOf(["/home/u/a/shop-front-42", "/home/u/b/shop-front-42"], alike)).toEqual([
      "/home/u/a/shop-front-42",
      "/home/u/b/shop-front-42",
    ]);
  });

  test.each(["", "{", "[1]", '{"/srv/alpha": 3}', "null"])(
    "whatever stands in projects.json: %j",
    (projects) => {
      expect(groupsOf(["/srv/alpha"], projects)).toEqual(["/srv/alpha"]);
    },
  );
});
