import { branchOf, groupOf, type Outline, type Part, taskNumber, titleOf } from "../text/outline.ts";

/** Where the parts of one version of a file are in another. */
export interface MatchedParts {
  /** Parts of the one → parts of the other. */
  readonly parts: Map<Part, Part>;
  /** For each part of the one, the part of the other that it is in, or would be. */
  readonly parents: ReadonlyMap<Part, Part>;
}

/**
 * Finds each part of `before` in `after`: groups by the sessions they cite, then their folder, then their title; tasks by
 * the sessions they cite, then their title; all other parts by their title below the same parent. A person may have taken
 * away the heading of a group alone: its tasks are then looked for in all groups, and what follows them beside them.
 */
export function matchParts(before: Outline, after: Outline): MatchedParts {
  const parts = new Map<Part, Part>();
  const parents = new Map<Part, Part>();
  const free = new Set(after.parts);
  const isGrouped = after.parts.some(({ level }) => level === 1);
  let beside: Part | undefined;
  for (const part of before.parts) {
    if (part.level <= 1) beside = undefined;
    const parent = part.parent === null ? undefined : parts.get(part.parent);
    const of = (wanted: (other: Part) => boolean) =>
      bestMatch(
        before,
        part,
        after,
        [...free].filter((other) => other.level === part.level && wanted(other)),
      );
    let match = of((other) => (part.parent === null ? other.parent === null : other.parent === parent));
    if (match === undefined && part.level > 1 && isGrouped) {
      match =
        taskNumber(part) === null
          ? of((other) => beside !== undefined && other.parent === beside)
          : bestCited(before, part, after, free);
    }
    if (match === undefined && part.level > 0 && (!isGrouped || part.heading?.edit != null))
      match = onlyOfTitle(before, part, after, free);
    if (part.level === 2 && taskNumber(part) !== null && match?.parent != null) beside = match.parent;
    const home = match?.parent ?? (part.level === 2 && isOrphan(part, parent) ? beside : undefined) ?? parent;
    if (home !== undefined) parents.set(part, home);
    if (match === undefined) continue;
    parts.set(part, match);
    free.delete(match);
  }
  return { parts, parents };
}

/** A task or section above which no group stands any more. */
function isOrphan(part: Part, parent: Part | undefined): boolean {
  return groupOf(part).level === 0 || parent === undefined;
}

function bestMatch(
  before: Outline,
  part: Part,
  after: Outline,
  candidates: readonly Part[],
): Part | undefined {
  if (part.level === 0) return candidates[0];
  const title = plainTitle(part);
  const byTitle = candidates.find((other) => plainTitle(other) === title);
  if (part.level > 1 && taskNumber(part) === null) return byTitle;
  const folder = folderOf(part);
  const byFolder = folder === "" ? undefined : candidates.find((other) => folderOf(other) === folder);
  return bestCited(before, part, after, candidates) ?? byFolder ?? byTitle;
}

/** The one that cites the most sessions of those that the part cites. */
function bestCited(
  before: Outline,
  part: Part,
  after: Outline,
  candidates: Iterable<Part>,
): Part | undefined {
  const cited = citedIn(before, part);
  return [...candidates]
    .filter(({ level }) => level === part.level)
    .map((other) => ({ other, count: citedIn(after, other).filter((path) => cited.includes(path)).length }))
    .filter(({ count }) => count > 0)
    .sort((a, b) => b.count - a.count)[0]?.other;
}

/** In a file without groups, and where a person worded it, a heading stands for itself wherever it is, if no other says the same. */
function onlyOfTitle(before: Outline, part: Part, after: Outline, free: ReadonlySet<Part>): Part | undefined {
  const title = plainTitle(part);
  const isSame = (other: Part) => other.level === part.level && plainTitle(other) === title;
  const [match, ...more] = after.parts.filter(isSame);
  if (match === undefined || more.length > 0 || before.parts.filter(isSame).length > 1) return undefined;
  return free.has(match) ? match : undefined;
}

/** Without the number of a task, which changes from run to run. */
function plainTitle(part: Part): string {
  return titleOf(part)
    .replace(/^Task \d+:?\s*/, "Task ")
    .toLowerCase();
}

function citedIn(outline: Outline, root: Part): readonly string[] {
  return branchOf(outline, root).flatMap(({ body }) =>
    body.flatMap(({ text }) => /^\s*[-*+] .*?(rollout_summaries\/[^\s()`"'\],;]+\.md)/.exec(text)?.[1] ?? []),
  );
}

function folderOf(part: Part): string {
  if (part.level !== 1) return "";
  return (
    part.body.map(({ text }) => /^applies_to:\s*cwd=([^;]*)/.exec(text)?.[1]?.trim() ?? "").find(Boolean) ??
    ""
  );
}
