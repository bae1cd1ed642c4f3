import { tokensOf } from "../text/tokens.ts";
import { likeness } from "./alike.ts";
import type { Fact } from "./facts.ts";
import type { Group } from "./group.ts";
import { indexLines, type Named } from "./index-lines.ts";
import { hasWordOf } from "./lexicon.ts";
import { type Meaning, meaningOf } from "./meaning.ts";
import { profileLines } from "./profile.ts";

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

/** A wish that binds later work and is not about one piece of code. */
function isRule({ kind, text }: Fact): boolean {
  if (kind !== "preference") return false;
  const binds = hasWordOf("lasting", text) || hasWordOf("demand", text);
  return binds && !hasWordOf("moment", text) && !/`|\w\/\w|\w_\w|[a-z][A-Z]|\.\w{1,4}\b(?!\s|$)/.test(text);
}

/** The same trouble in three sessions is about the machine, not about one change. */
function isEnvironment({ kind, threads }: Fact): boolean {
  return kind === "failure" && threads.length >= 3;
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
