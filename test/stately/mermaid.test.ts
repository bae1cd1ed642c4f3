import { describe, expect, test } from "vitest";
import { createMachine } from "xstate";
import { mermaid } from "../../src/machines/formats.ts";
import { phase2Machine } from "../../src/machines/phase2.ts";

const NAME = "[A-Za-z][A-Za-z0-9_]*";
/** All that is used of the language, one statement a line. */
const STATEMENTS = {
  open: new RegExp(`^state "[^"\\n]+" as (?<id>${NAME}) \\{$`),
  state: new RegExp(`^state "[^"\\n]+" as (?<id>${NAME})$`),
  close: /^\}$/,
  initial: new RegExp(`^\\[\\*\\] --> (?<to>${NAME})$`),
  end: new RegExp(`^(?<from>${NAME}) --> \\[\\*\\]$`),
  arrow: new RegExp(`^(?<from>${NAME}) --> (?<to>${NAME}) : (?<label>[^:;\\n]+)$`),
};

/** Reads a diagram; throws at a line that is no statement of it. */
function read(text: string) {
  const [head, ...lines] = text.trimEnd().split("\n");
  const states: string[] = [];
  const used: string[] = [];
  const arrows: string[] = [];
  let depth = 0;
  for (const line of lines.map((line) => line.trim())) {
    const found = Object.entries(STATEMENTS)
      .map(([kind, pattern]) => [kind, pattern.exec(line)] as const)
      .find(([, match]) => match !== null);
    if (found?.[1] == null) throw new Error(`not a statement: ${line}`);
    const [kind, { groups = {} }] = found as [string, RegExpExecArray];
    if (kind === "open") depth += 1;
    if (kind === "close") depth -= 1;
    if (groups.id !== undefined) states.push(groups.id);
    if (kind === "arrow") arrows.push(line);
    used.push(...[groups.from, groups.to].filter((id) => id !== undefined));
  }
  return { head, depth, states, used, arrows };
}

describe("the Mermaid diagram", () => {
  test("declares every state once, uses no other, and closes what it opens", () => {
    const { head, depth, states, used } = read(mermaid(phase2Machine.root));
    expect([head, depth]).toEqual(["stateDiagram-v2", 0]);
    expect(new Set(states).size).toBe(states.length);
    expect(used.filter((id) => !states.includes(id))).toEqual([]);
    expect(states).toEqual(expect.arrayContaining(["claiming", "syncing", "syncing_rawMemories", "failed"]));
  });

  test("has one line between two states, with all that leads from one to the other", () => {
    const { arrows } = read(mermaid(phase2Machine.root));
    expect(arrows).toEqual(
      expect.arrayContaining([
        "claiming --> configuring : done claimJob [isClaimed]",
        "supervising --> verifying : agent.completed",
        "loading --> failing : error loadMemories, cancel, lease.lost, lease.uncertain, budget.reached",
        "publishing_committing --> publishing_committing : cancel, lease.lost, lease.uncertain, budget.reached",
      ]),
    );
    const pairs = arrows.map((line) => line.split(" : ")[0]);
    expect(new Set(pairs).size).toBe(pairs.length);
  });

  test("stays a diagram whatever the states and events are called", () => {
    const odd = createMachine({
      id: "odd",
      initial: "a b",
      states: {
        "a b": { on: { "it: is; so\n[*] --> x": "a_b", "*": "a-b" } },
        a_b: { always: "a-b" },
        "a-b": { type: "final" },
      },
    });
    const { states, used, arrows } = read(mermaid(odd.root));
    expect(new Set(states).size).toBe(3);
    expect(used.filter((id) => !states.includes(id))).toEqual([]);
    expect(arrows.map((line) => line.split(" : ")[1])).toEqual(["it is so [*] --> x", "*", "always"]);
  });
});
