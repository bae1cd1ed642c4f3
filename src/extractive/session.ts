import { keywordsFrom, keywordsOfTitle } from "./keywords.ts";
import { type Note, readNote } from "./note.ts";
import type { Statement } from "./statement.ts";
import type { Thread } from "./thread.ts";
import { bestTitle, type Title } from "./title.ts";

/** One subject of one session: the smallest thing a task is made of. */
export interface Part {
  readonly thread: Thread;
  readonly title: Title;
  /** What the note's head says the session belongs to. */
  readonly family: string | null;
  readonly keywords: readonly string[];
  readonly statements: readonly Statement[];
}

/** What a session left, subject by subject; at least one part, so that no session is without a place. */
export function partsOf(thread: Thread, memory: string | undefined): readonly Part[] {
  const own = readNote(memory ?? "");
  const isEmpty = own.subjects.every((subject) => subject.statements.length === 0);
  const note = isEmpty && thread.recap !== "" ? merged(own, readNote(thread.recap)) : own;
  const [opening, ...tasks] = note.subjects;
  const family = bestTitle([note.head.taskGroup]).text || null;
  const common = opening?.statements ?? [];
  const first = recapTitle(thread.recap);
  if (tasks.length <= 1) {
    const statements = [...common, ...(tasks[0]?.statements ?? [])];
    const named = [note.head.description, tasks[0]?.title, note.title, first];
    const title = bestTitle(named, slugTitle(thread, note));
    return [{ thread, title, family, keywords: keywordsOf(note, title), statements }];
  }
  return tasks.map((task, at) => {
    const title = bestTitle([task.title]);
    return {
      thread,
      title,
      family,
      keywords: keywordsOf(note, title),
      statements: at === 0 ? [...common, ...task.statements] : task.statements,
    };
  });
}

function merged(own: Note, recap: Note): Note {
  return { head: own.head, title: own.title ?? recap.title, subjects: recap.subjects };
}

function keywordsOf(note: Note, title: Title): readonly string[] {
  const own = keywordsFrom(note.head.keywords, 12);
  if (own.length >= 3) return own;
  const names = note.subjects.flatMap((subject) => subject.statements.flatMap(({ text }) => namesIn(text)));
  return keywordsFrom([...own, ...byCount(names), ...keywordsOfTitle(title.text)], 10);
}

/** The first heading or line of the recap. */
function recapTitle(recap: string): string | null {
  const line = recap
    .slice(0, 4_000)
    .split("\n")
    .find((text) => text.trim() !== "" && text.trim() !== "---");
  return line?.replace(/^#+\s*/, "") ?? null;
}

/** `2026-01-02T03-04-05-AbCd-fix_the_build.md` says "fix the build"; so may the head's `task:`. */
function slugTitle(thread: Thread, note: Note): string | null {
  const slug = /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\w{4}-(\w+)\.md$/.exec(thread.file)?.[1];
  const words = (note.head.task ?? slug ?? "").replace(/[_-]+/g, " ").trim();
  return words === "" ? null : words;
}

/** Code spans and names with capitals or separators inside, which is what people search for. */
function namesIn(text: string): readonly string[] {
  const spans = [...text.matchAll(/`([^`\s]{3,40})`/g)].map((match) => match[1] ?? "");
  const names = text.match(/\b(?:[A-Z][a-z]+[A-Z]\w+|[a-z]+-[a-z-]*[a-z]+\d*|[A-Z]{3,}\w*)\b/g) ?? [];
  return [...spans, ...names];
}

function byCount(words: readonly string[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts]
    .sort((a, b) => b[1] - a[1])
    .map(([word]) => word)
    .slice(0, 7);
}
