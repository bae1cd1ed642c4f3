import { likeness } from "./alike.ts";
import type { Group } from "./handbook.ts";
import { type Meaning, meaningOf } from "./meaning.ts";
import type { Kind } from "./sections.ts";
import { worthOf } from "./worth.ts";

/** A statement of the handbook with the projects that make it. */
export interface Told {
  readonly text: string;
  readonly families: readonly string[];
}

interface Entry {
  readonly text: string;
  readonly families: string[];
  readonly meaning: Meaning;
  recurrence: number;
  /** Place within its own group: the turn in which it is told. */
  readonly turn: number;
}

const perGroup = 12;

export function toldIn(groups: readonly Group[], wanted: readonly Kind[]): readonly Told[] {
  const entries: Entry[] = [];
  const byWord = new Map<string, Entry[]>();
  for (const group of groups) {
    const items = wanted
      .flatMap((kind) =>
        group.items[kind].map((item) => ({ ...item, kind, worth: worthOf(kind, item.text, true) })),
      )
      .sort((a, b) => b.tasks.length - a.tasks.length || Math.round(b.worth) - Math.round(a.worth));
    // Handwritten, recurring or clearly useful; a bare error message is none of these in another session.
    const telling = items.filter(
      ({ tasks, kind, worth }) => tasks.length !== 1 || worth >= (kind === "failure" ? 4 : 3),
    );
    telling.slice(0, perGroup).forEach(({ text, tasks }, turn) => {
      const meaning = meaningOf(text);
      const same = [...meaning.words]
        .flatMap((word) => byWord.get(word) ?? [])
        .find((entry) => likeness(entry.meaning, meaning) >= 0.75);
      if (same !== undefined) {
        if (!same.families.includes(group.family)) same.families.push(group.family);
        same.recurrence += tasks.length;
        return;
      }
      const entry = {
        text: text.replace(/\s+/g, " "),
        families: [group.family],
        meaning,
        recurrence: tasks.length,
        turn,
      };
      entries.push(entry);
      for (const word of meaning.words) byWord.set(word, [...(byWord.get(word) ?? []).slice(-40), entry]);
    });
  }
  return entries.sort(
    (a, b) => b.families.length - a.families.length || a.turn - b.turn || b.recurrence - a.recurrence,
  );
}
