import { keywordsFrom, keywordsOfTitle } from "./keywords.ts";
import { type Note, readNote, type Subject } from "./note.ts";
import type { Piece } from "./piece.ts";
import { type Statement, statementsOf, weigh } from "./statement.ts";
import type { Thread } from "./thread.ts";
import { bestTitle, type Title } from "./title.ts";

/** What one session noted, read but not yet judged. */
export interface ReadSession {
  readonly thread: Thread;
  readonly note: Note;
  readonly pieces: readonly Piece[];
}

/** One subject of one session: the smallest thing a task is made of. */
export interface Part {
  readonly thread: Thread;
  readonly title: Title;
  /** What the note's head says the session belongs to. */
  readonly family: string | null;
  readonly keywords: readonly string[];
  readonly statements: readonly Said[];
}

/** A statement with the time it was said, as far as the note tells. */
export interface Said extends Statement {
  /** Milliseconds. */
  readonly time: number;
}

/** A session that lasts longer than this was left and taken up again. */
const RESUMED_AFTER_MS = 12 * 3_600_000;

/** Reads a session's memory, or its recap where the memory says nothing. */
export function readSession(thread: Thread, memory: string | undefined): ReadSession {
  const own = readNote(memory ?? "");
  const isEmpty = own.subjects.every(({ pieces }) => pieces.length === 0);
  const recap = isEmpty && thread.recap !== "" ? readNote(thread.recap) : null;
  const note = recap === null ? own : { ...recap, head: own.head, title: own.title ?? recap.title };
  return { thread, note, pieces: note.subjects.flatMap(({ pieces }) => pieces) };
}

/** What is worth keeping of a session, subject by subject; nothing where nothing is. */
export function partsOf({ thread, note }: ReadSession, spread: ReadonlyMap<string, number>): readonly Part[] {
  const family = bestTitle([note.head.taskGroup]).text || null;
  const [opening, ...tasks] = note.subjects;
  const subjects = tasks.length <= 1 ? [mergeSubjects(opening, tasks[0])] : note.subjects;
  const weighed = weigh(
    subjects.flatMap(({ pieces }) => pieces),
    note.blocks,
    spread,
  );
  return subjects.flatMap((subject, at) => {
    const own = new Set(subject.pieces);
    const kept = statementsOf(weighed.filter(({ piece }) => own.has(piece)));
    if (kept.length === 0) return [];
    const isLast = at > 0 && at === subjects.length - 1;
    const title =
      subjects.length === 1
        ? bestTitle(
            [note.head.description, subject.title, note.title, recapTitle(thread.recap)],
            slugTitle(thread, note),
          )
        : bestTitle([subject.title ?? note.title]);
    const statements = kept.map((statement) => ({ ...statement, time: timeOf(thread, isLast) }));
    return [{ thread, title, family, keywords: keywordsOf(note, kept, title), statements }];
  });
}

/**
 * A session that was resumed repeats at its end what it said when it began. Only its last subject is as new as its end;
 * the rest is as old as its beginning.
 */
function timeOf({ started, time }: Thread, isLast: boolean): number {
  return time - started > RESUMED_AFTER_MS && !isLast ? started : time;
}

function mergeSubjects(opening: Subject | undefined, task: Subject | undefined): Subject {
  return {
    title: task?.title ?? null,
    pieces: [...(opening?.pieces ?? []), ...(task?.pieces ?? [])],
  };
}

const MOST_KEYWORDS = 6;

function keywordsOf(note: Note, kept: readonly Statement[], title: Title): readonly string[] {
  const own = keywordsFrom(note.head.keywords, MOST_KEYWORDS);
  // A person who shouts names nothing.
  const names = kept.flatMap(({ text, speaker }) => (speaker === "note" ? namesIn(text) : []));
  return keywordsFrom(
    [...names.slice(0, 3), ...own, ...names.slice(3), ...keywordsOfTitle(title.text)],
    MOST_KEYWORDS,
  );
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
export function namesIn(text: string): readonly string[] {
  const spans = [...text.matchAll(/`([^`\s]{3,40})`/g)].map((match) => match[1] ?? "");
  const names = text.match(/\b(?:[A-Z][a-z]+[A-Z]\w+|[a-z]+-[a-z-]*[a-z]+\d*|[A-Z]{3,}\w*)\b/g) ?? [];
  return [...spans, ...names];
}
