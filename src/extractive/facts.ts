import { likeness, sameFrom } from "./alike.ts";
import { contradicts } from "./contradiction.ts";
import { type Meaning, meaningOf } from "./meaning.ts";
import type { Kind } from "./sections.ts";
import type { Part } from "./session.ts";
import type { Statement } from "./statement.ts";
import { compare, latestFirst } from "./thread.ts";

/** What a project's sessions agree on: one statement for all its wordings, and the parts that support it. */
export interface Fact {
  readonly kind: Kind;
  readonly text: string;
  readonly worth: number;
  readonly parts: readonly Part[];
  /** Distinct sessions. */
  readonly recurrence: number;
  /** Milliseconds of the latest session that said it. */
  readonly time: number;
}

interface Draft {
  kind: Kind;
  text: string;
  worth: number;
  time: number;
  isSuperseded: boolean;
  /** Which of the meanings belongs to the printed text. */
  printed: number;
  readonly parts: Set<Part>;
  readonly meanings: Meaning[];
}

const mostWordings = 4;
const mostCompared = 40;
const longestList = 64;

/**
 * Merges the statements of one project, oldest first, so that a later one can support, replace or take back an earlier.
 * Compares only statements that share words, the latest of each word: linear in practice, whatever the number of sessions.
 */
export function factsOf(parts: readonly Part[]): readonly Fact[] {
  const said = parts
    .flatMap((part, at) =>
      part.statements.map((statement) => ({ part, at, statement, meaning: meaningOf(statement.text) })),
    )
    .sort((a, b) => latestFirst(b.part.thread, a.part.thread) || a.at - b.at);
  const index = new Map<string, Draft[]>();
  const drafts: Draft[] = [];
  for (const { part, statement, meaning } of said) {
    const near = candidates(meaning, index);
    const denied = near.filter((draft) => isTakenBack(draft, statement, meaning, part));
    for (const draft of denied) draft.isSuperseded = true;
    const same = closest(
      near.filter((draft) => !denied.includes(draft)),
      statement,
      meaning,
    );
    if (same !== null) support(same, part, statement, meaning);
    else drafts.push(begin(part, statement, meaning));
    const draft = same ?? drafts.at(-1);
    if (draft?.meanings.includes(meaning))
      for (const word of meaning.words) index.set(word, withDraft(index.get(word), draft));
  }
  return drafts
    .filter((draft) => !draft.isSuperseded)
    .map(factOf)
    .sort(byRank);
}

/** Recurrence, then recency. */
function byRank(a: Fact, b: Fact): number {
  return b.recurrence - a.recurrence || b.time - a.time || b.worth - a.worth || compare(a.text, b.text);
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
  if (near.length > mostCompared) near.sort((a, b) => b[1] - a[1]);
  return near.slice(0, mostCompared).map(([draft]) => draft);
}

/** Latest drafts first to be kept: a word that all sessions use tells nothing about an old one. */
function withDraft(list: Draft[] | undefined, draft: Draft): Draft[] {
  if (list === undefined) return [draft];
  if (list.at(-1) !== draft) list.push(draft);
  if (list.length > longestList) list.shift();
  return list;
}

/**
 * Taken back are an earlier session's words, and those of the same session where the later sentence says that something
 * changed. A fact takes no wish back, nor a wish a fact; an error stays one until something is said to have changed.
 */
function isTakenBack(draft: Draft, { kind }: Statement, meaning: Meaning, part: Part): boolean {
  if ((draft.kind === "preference") !== (kind === "preference")) return false;
  const isSameSession = [...draft.parts].some((other) => other.thread === part.thread);
  if ((isSameSession || draft.kind === "failure" || kind === "failure") && !meaning.changes) return false;
  return draft.meanings.some((earlier) => contradicts(meaning, earlier));
}

function closest(near: readonly Draft[], statement: Statement, meaning: Meaning): Draft | null {
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

function begin(part: Part, { kind, text, worth }: Statement, meaning: Meaning): Draft {
  return {
    kind,
    text,
    worth,
    time: part.thread.time,
    isSuperseded: false,
    printed: 0,
    parts: new Set([part]),
    meanings: [meaning],
  };
}

/** Printed is the wording that says more, of equals the newer. What is said again holds again. */
function support(draft: Draft, part: Part, { text, worth }: Statement, meaning: Meaning): void {
  const printed = draft.meanings[draft.printed];
  draft.parts.add(part);
  draft.time = Math.max(draft.time, part.thread.time);
  const says = printed === undefined || meaning.words.size >= printed.words.size * 0.8 || draft.isSuperseded;
  draft.isSuperseded = false;
  if (draft.meanings.length >= mostWordings) return;
  draft.meanings.push(meaning);
  if (says && worth >= draft.worth - 1)
    Object.assign(draft, { text, worth: Math.max(worth, draft.worth), printed: draft.meanings.length - 1 });
}

function factOf({ kind, text, worth, time, parts }: Draft): Fact {
  const threads = new Set([...parts].map((part) => part.thread));
  return { kind, text, worth, time, parts: [...parts], recurrence: threads.size };
}
