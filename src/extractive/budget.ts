import type { Fact } from "./facts.ts";

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
export function choose<Item extends Contender>(contenders: readonly Item[], room: number): ReadonlySet<Item> {
  const chosen = new Set<Item>();
  const paid = new Set<string>();
  let left = room;
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
  for (const item of byAge) take(item, room * (1 - TENURED));
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
