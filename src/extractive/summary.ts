import { tokensOf } from "../text/tokens.ts";
import type { Group, Handbook, kinds } from "./handbook.ts";
import { indexLines } from "./index-lines.ts";
import { profileLines } from "./profile.ts";
import { byHandIn } from "./summary-base.ts";
import { type Told, toldIn } from "./told.ts";

/** Tokens of the whole summary, by our own careful estimate. Readers load all of it at the start of every session. */
const summaryTokens = 2_400;

/**
 * memory_summary.md: who the user is, what they want, what helps anywhere, and an index by which every group of the
 * handbook is found. Made from the handbook alone, plus what the user wrote into the last summary.
 */
export function summaryOf(handbook: Handbook, base: string | null): string {
  const byHand = byHandIn(base ?? "");
  const groups = handbook.groups.filter((group) => group.cwd !== null);
  const profile = [...fill(byHand.profile, 250), ...profileLines(groups)];
  const least = indexLines(handbook.groups, 0);
  let left = summaryTokens - tokensOf(["v1", titles.join("\n\n\n"), ...profile, ...least].join("\n"));
  const preferences = fill([...byHand.preferences, ...toldLines(groups, "preference")], left * 0.42);
  left -= cost(preferences);
  const tips = fill([...byHand.tips, ...toldLines(groups, "knowledge", "failure")], left * 0.42);
  left -= cost(tips);
  const index = indexLines(handbook.groups, left);
  return `${["v1", ...sectionLines(profile, preferences, tips, index)].join("\n")}\n`;
}

const titles = ["## User Profile", "## User preferences", "## General Tips", "## What's in Memory"] as const;

function sectionLines(...sections: readonly (readonly string[])[]): readonly string[] {
  return titles.flatMap((title, at) => [
    "",
    title,
    "",
    ...(sections[at]?.length ? (sections[at] ?? []) : ["Nothing recorded yet."]),
  ]);
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

/** What several projects say first, then project by project in turn, so that the busiest one doesn't fill the page. */
function toldLines(
  groups: readonly Group[],
  ...wanted: readonly (typeof kinds)[number][]
): readonly string[] {
  return toldIn(groups, wanted).map(({ text, families }: Told) => `- ${text} [${families.join(", ")}]`);
}
