import { contradicts, likeness, type Meaning, meaningOf, outdates, sameFrom } from "./meaning.ts";
import type { Kind } from "./sections.ts";
import type { Part, SpokenStatement } from "./session.ts";
import { compare, type Thread } from "./thread.ts";

/** What a project's sessions agree on: one statement for all its wordings, with its own times and witnesses. */
export interface Fact {
  readonly kind: Kind;
  readonly text: string;
  readonly worth: number;
  /** Said by the person, in these words. */
  readonly isPersons: boolean;
  readonly parts: readonly Part[];
  /** Sessions that said it, oldest first. */
  readonly threads: readonly Thread[];
  /** Milliseconds. */
  readonly firstSeen: number;
  readonly lastConfirmed: number;
  /** What it replaced, oldest first. */
  readonly replaced: readonly Replaced[];
}

/** A statement that a later one took the place of. */
export interface Replaced {
  readonly text: string;
  readonly firstSeen: number;
  readonly lastConfirmed: number;
  readonly threads: readonly Thread[];
}

interface Draft {
  kind: Kind;
  text: string;
  worth: number;
  isPersons: boolean;
  firstSeen: number;
  lastConfirmed: number;
  replacedBy: Draft | null;
  /** Which of the meanings belongs to the printed text. */
  printed: number;
  readonly parts: Set<Part>;
  readonly meanings: Meaning[];
}

const MOST_WORDINGS = 4;
const MOST_COMPARED = 40;
const LONGEST_LIST = 64;

/**
 * Merges the statements of one project in the order they were said, so that a later one can support, replace or take
 * back an earlier. Compares only statements that share words, the latest of each word: linear in practice.
 */
export function factsOf(parts: readonly Part[]): readonly Fact[] {
  const statements = parts
    .flatMap((part) =>
      part.statements.map((statement, at) => ({ part, at, statement, meaning: meaningOf(statement.text) })),
    )
    .sort(
      (a, b) =>
        a.statement.time - b.statement.time || compare(a.part.thread.id, b.part.thread.id) || a.at - b.at,
    );
  const index = new Map<string, Draft[]>();
  const drafts: Draft[] = [];
  for (const { part, statement, meaning } of statements) {
    const near = candidates(meaning, index);
    const denied = near.filter(
      (draft) => draft.replacedBy === null && isTakenBack(draft, statement, meaning, part),
    );
    const same = closest(
      near.filter((draft) => !denied.includes(draft)),
      statement,
      meaning,
    );
    const draft = same ?? begin(part, statement, meaning);
    if (same === null) drafts.push(draft);
    else support(draft, part, statement, meaning);
    for (const earlier of denied) earlier.replacedBy = draft;
    if (draft.meanings.includes(meaning))
      for (const word of meaning.words) index.set(word, withDraft(index.get(word), draft));
  }
  const replaced = Map.groupBy(
    drafts.filter((draft) => draft.replacedBy !== null),
    lastingOf,
  );
  return drafts
    .filter((draft) => draft.replacedBy === null)
    .map((draft) => factOf(draft, replaced.get(draft) ?? []))
    .sort((a, b) => a.firstSeen - b.firstSeen || compare(a.text, b.text));
}

/** The draft that stands at the end of a chain of replacements. */
function lastingOf(draft: Draft): Draft {
  let last = draft;
  for (let steps = 0; last.replacedBy !== null && steps < 100; steps++) last = last.replacedBy;
  return last;
}

/** The drafts that share most words with the statement, at least two where it has that many. */
function candidates(meaning: Meaning, index: ReadonlyMap<string, readonly Draft[]>): readonly Draft[] {
  const shared = new Map<Draft, number>();
  for (const word of meaning.words)
    for (const draft of index.get(word) ?? []) shared.set(draft, (shared.get(draft) ?? 0) + 1);
  const least = Math.min(2, meaning.words.size);
  const named = new Set([...meaning.names].flatMap((word) => index.get(word) ?? []));
  const isShort = (draft: Draft) => (draft.meanings[0]?.words.size ?? 0) <= 3;
  const near = [...shared].filter(([draft, count]) => count >= least || named.has(draft) || isShort(draft));
  if (near.length > MOST_COMPARED) near.sort((a, b) => b[1] - a[1]);
  return near.slice(0, MOST_COMPARED).map(([draft]) => draft);
}

/** Latest drafts first to be kept: a word that all sessions use tells nothing about an old one. */
function withDraft(list: Draft[] | undefined, draft: Draft): Draft[] {
  if (list === undefined) return [draft];
  if (list.at(-1) !== draft) list.push(draft);
  if (list.length > LONGEST_LIST) list.shift();
  return list;
}

/**
 * Taken back are an earlier session's words, and those of the same session where the later sentence says that something
 * changed. A fact takes no wish back, nor a wish a fact; an error stays one until something is said to have changed.
 */
function isTakenBack(draft: Draft, { kind }: SpokenStatement, meaning: Meaning, part: Part): boolean {
  if ((draft.kind === "preference") !== (kind === "preference")) return false;
  const isSameSession = [...draft.parts].some((other) => other.thread === part.thread);
  if (!isSameSession && draft.meanings.some((earlier) => outdates(meaning, earlier))) return true;
  if ((isSameSession || draft.kind === "failure" || kind === "failure") && !meaning.changes) return false;
  return draft.meanings.some((earlier) => contradicts(meaning, earlier));
}

function closest(near: readonly Draft[], statement: SpokenStatement, meaning: Meaning): Draft | null {
  let best: Draft | null = null;
  let bestLikeness = 0;
  for (const draft of near) {
    const needed = draft.kind === statement.kind ? sameFrom : 0.85;
    for (const other of draft.meanings) {
      const alike = draft.text === statement.text ? 1 : likeness(meaning, other);
      if (alike >= needed && alike > bestLikeness) [best, bestLikeness] = [draft, alike];
    }
  }
  return best;
}

function begin(part: Part, { kind, text, worth, speaker, time }: SpokenStatement, meaning: Meaning): Draft {
  return {
    kind,
    text,
    worth,
    isPersons: speaker === "person",
    firstSeen: time,
    lastConfirmed: time,
    replacedBy: null,
    printed: 0,
    parts: new Set([part]),
    meanings: [meaning],
  };
}

/** Printed is the first wording, until one says more. What is said again after it was replaced holds again. */
function support(
  draft: Draft,
  part: Part,
  { text, worth, speaker, time }: SpokenStatement,
  meaning: Meaning,
): void {
  const printed = draft.meanings[draft.printed];
  draft.parts.add(part);
  draft.lastConfirmed = Math.max(draft.lastConfirmed, time);
  draft.isPersons ||= speaker === "person";
  const isBack = draft.replacedBy !== null;
  draft.replacedBy = null;
  if (draft.meanings.length >= MOST_WORDINGS) return;
  draft.meanings.push(meaning);
  const isFuller = printed === undefined || meaning.words.size >= printed.words.size * 1.3 || isBack;
  draft.worth = Math.max(worth, draft.worth);
  if (isFuller && worth >= draft.worth - 1)
    Object.assign(draft, { text, printed: draft.meanings.length - 1 });
}

function factOf(draft: Draft, before: readonly Draft[]): Fact {
  const { kind, text, worth, isPersons, parts, firstSeen, lastConfirmed } = draft;
  return {
    kind,
    text,
    worth,
    isPersons,
    parts: [...parts],
    threads: threadsOf(draft),
    firstSeen,
    lastConfirmed,
    replaced: before.map((old) => ({
      text: old.text,
      firstSeen: old.firstSeen,
      lastConfirmed: old.lastConfirmed,
      threads: threadsOf(old),
    })),
  };
}

function threadsOf({ parts }: Draft): readonly Thread[] {
  return [...new Set([...parts].map(({ thread }) => thread))];
}

/** A statement with the place it would take, of one project. */
export interface Contender {
  readonly fact: Fact;
  /** What it needs besides its own line, by a key that is paid once: its group, its task. */
  readonly needs: readonly (readonly [key: string, bytes: number])[];
  readonly bytes: number;
}

/** Share of the room for what has stood longest; the rest goes to the best of all others. */
const TENURED = 0.65;

/**
 * The statements that fit into the room, over all projects. A statement that earned its place keeps it while it holds:
 * the first part of the room goes by age among those, the second by worth, how many sessions say it, and freshness. The
 * least worthy anywhere go first.
 */
export function choose<Item extends Contender>(
  contenders: readonly Item[],
  bytes: number,
): ReadonlySet<Item> {
  const chosen = new Set<Item>();
  const paid = new Set<string>();
  let left = bytes;
  const take = (item: Item, reserve: number) => {
    const extra = item.needs.filter(([key]) => !paid.has(key));
    const price = item.bytes + extra.reduce((sum, [, bytes]) => sum + bytes, 0);
    if (chosen.has(item) || price > left - reserve) return;
    left -= price;
    for (const [key] of extra) paid.add(key);
    chosen.add(item);
  };
  const latest = Math.max(0, ...contenders.map(({ fact }) => fact.lastConfirmed));
  const byAge = [...contenders].sort((a, b) => a.fact.firstSeen - b.fact.firstSeen || byText(a, b));
  const byRank = [...contenders].sort(
    (a, b) => rankOf(b.fact, latest) - rankOf(a.fact, latest) || byText(a, b),
  );
  for (const item of byAge) take(item, bytes * (1 - TENURED));
  for (const item of byRank) take(item, 0);
  return chosen;
}

const YEAR_MS = 365 * 86_400_000;

/** What a statement is worth beside others: more sessions and the person's own word count, age counts a little. */
export function rankOf({ worth, threads, isPersons, lastConfirmed, replaced }: Fact, latest: number): number {
  const age = Math.min(3, (latest - lastConfirmed) / YEAR_MS);
  // What corrects an earlier statement is what agents would else get wrong.
  const corrects = replaced.length > 0 ? 2 : 0;
  return worth + 1.5 * Math.log2(threads.length) + (isPersons ? 1 : 0) + corrects - 0.4 * age;
}

function byText(a: Contender, b: Contender): number {
  return a.fact.text < b.fact.text ? -1 : a.fact.text > b.fact.text ? 1 : 0;
}
