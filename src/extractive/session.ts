import { isInstruction } from "../text/injection.ts";
import { disguisesText, readableText } from "../text/sanitize.ts";
import { withoutShapedSecrets } from "../text/secret-shapes.ts";
import { hasWayOut } from "./forms.ts";
import { type Note, readNote, type Subject } from "./note.ts";
import { type Piece, STATEMENT_WIDTH } from "./piece.ts";
import { cutAtWord, isDump, plainLine, sentencesOf, widthOf, withoutComments } from "./prose.ts";
import { type Statement, statementsOf, weigh } from "./statement.ts";
import type { Thread } from "./thread.ts";
import { keywordsFrom, keywordsOfTitle, wordsOf } from "./words.ts";

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
  readonly statements: readonly SpokenStatement[];
}

/** A statement with the time it was said, as far as the note tells. */
export interface SpokenStatement extends Statement {
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
  const read = recap === null ? own : { ...recap, head: own.head, title: own.title ?? recap.title };
  const note = {
    ...read,
    subjects: read.subjects.map((subject) => ({ ...subject, pieces: pairFailures(subject.pieces) })),
  };
  return { thread, note, pieces: note.subjects.flatMap(({ pieces }) => pieces) };
}

/**
 * A failure that the note tells without a way out takes the later success of the same subject as one: a sentence about
 * the same thing that says what worked.
 */
function pairFailures(pieces: readonly Piece[]): readonly Piece[] {
  const used = new Set<Piece>();
  const paired = pieces.map((piece) => {
    if (piece.kind !== "failure" || piece.speaker !== "note" || hasWayOut(piece.text)) return piece;
    const success = pieces.find(
      (other) =>
        other !== piece && !used.has(other) && isSuccessFor(other, piece) && fitsBehind(piece, other),
    );
    if (success === undefined) return piece;
    used.add(success);
    return { ...piece, text: joinedFailure(piece, success), source: `${piece.source}\n${success.source}` };
  });
  return paired.filter((piece) => !used.has(piece));
}

const WORKED =
  /\b(?:fix(?:ed|es)?|solve[ds]?|resolve[ds]?|works? (?:with|after|when|once|again)|worked|helps?|helped|cure[ds]?|workaround|behebt|behob\w*|half|löst|corrige|résolu|arregla|soluciona)\b|で直|解决|修复/iu;

/** Names what the failure is about, by a word that few sentences share, and says that something worked. */
function isSuccessFor(other: Piece, failure: Piece): boolean {
  if (other.speaker !== "note" || other.kind === "preference" || !WORKED.test(other.text)) return false;
  if (/\b(?:not|never|nicht|pas)\b|n['’]t\b/i.test(other.text)) return false;
  const about = new Set(wordsOf(failure.text).map(({ stem }) => stem));
  const shared = wordsOf(other.text).filter(({ stem }) => about.has(stem));
  return shared.some(({ hard }) => hard) || new Set(shared.map(({ stem }) => stem)).size >= 3;
}

function fitsBehind(failure: Piece, success: Piece): boolean {
  return widthOf(joinedFailure(failure, success)) <= STATEMENT_WIDTH;
}

function joinedFailure(failure: Piece, success: Piece): string {
  return `${failure.text.replace(/[.;:\s]+$/, "")} -> ${success.text}`;
}

/** What is worth keeping of a session, subject by subject; nothing where nothing is. */
export function partsOf({ thread, note }: ReadSession, echoes: ReadonlyMap<string, number>): readonly Part[] {
  const family = bestTitle([note.head.taskGroup]).text || null;
  const [opening, ...tasks] = note.subjects;
  const subjects = tasks.length <= 1 ? [mergeSubjects(opening, tasks[0])] : note.subjects;
  const weighed = weigh(
    subjects.flatMap(({ pieces }) => pieces),
    note.blocks,
    echoes,
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

interface Title {
  readonly text: string;
  /** 0 says nothing ("Address 3"), 3 and more names a subject. */
  readonly quality: number;
}

/** The best title among what a note, its head and its recap call the session. Earlier candidates win ties. */
function bestTitle(
  candidates: readonly (string | null | undefined)[],
  lastResort: string | null = null,
): Title {
  const titles = candidates.flatMap((candidate) => (candidate ? [{ ...titleOf(candidate), candidate }] : []));
  if (lastResort !== null) {
    const title = titleOf(lastResort);
    titles.push({ text: title.text, quality: Math.min(1, title.quality), candidate: lastResort });
  }
  const ranked = titles.filter(({ quality }) => quality > 0).sort((a, b) => b.quality - a.quality);
  const best = ranked.find(({ candidate, text }) => !isInstruction(candidate) && !isInstruction(text));
  return best === undefined
    ? { text: "", quality: 0 }
    : { text: withoutShapedSecrets(best.text), quality: best.quality };
}

function titleOf(candidate: string): Title {
  const raw = withoutComments(readableText(candidate.slice(0, 2_000)));
  if (disguisesText(candidate)) return { text: "", quality: 0 };
  const plan = /#\s*(?:plan|fix|feature)\s*:\s*([^#]{8,200})/i.exec(raw)?.[1];
  const line = plainLine((plan ?? raw).replace(/```[\s\S]*?(?:```|$)/g, " ")).replace(/\s#{1,6}\s.*$/, "");
  const opened = withoutOpening(line);
  const text = capital(cutAtWord(withoutOpening(firstTelling(opened)), 90).replace(/[.:;,。]+$/, ""));
  return { text, quality: qualityOf(text) };
}

/** The first sentence, with what follows it while it alone says too little. */
function firstTelling(text: string): string {
  let opening = "";
  for (const sentence of sentencesOf(text.slice(0, 600))) {
    opening = opening === "" ? sentence : `${opening} ${sentence}`;
    if (tellingWords(opening) >= 3) break;
  }
  return opening;
}

function tellingWords(text: string): number {
  return wordsOf(text).filter((word) => !/^[\d#]+$/.test(word.stem)).length;
}

/** Greetings, prompts and the verbs people open a request with. */
function withoutOpening(line: string): string {
  let text = line;
  for (let round = 0; round < 5; round++) {
    const next = text.replace(openings, "").replace(/^["“'`(]+(?=\p{L})/u, "");
    if (next === text || next.length < 12) break;
    text = next;
  }
  return text;
}

const openings =
  /^(?:\[[^\]]{0,160}\]\s*|_*agent - sidechain(?: \([^)]{0,80}\))?[_*\s]*|(?:ok(?:ay)?|so|hey|hi|hello|please|now|right now|alright|well|also|then|and|uh+|um+|hmm+)[,.… ]+|(?:let'?s|let us|can you|could you|would you|we (?:want|need) to|i (?:want|need|would like|'?d like) (?:you )?to|you need to|need to|help me(?: to)?|going to)\s+|(?:take a look at|look at|have a look at|consider|short session:|implement the following plan:?|the user (?:wants|wanted|asked|asks|needs) (?:to |for |that )?)\s*|[\u26a0\u2716\u274c\u2705\u{1f300}-\u{1faff}]\ufe0f?\s*)/iu;

function qualityOf(text: string): number {
  let quality = Math.min(tellingWords(text), 5) * 0.7;
  if (/…$/.test(text)) quality -= 1.2;
  if (/\?$/.test(text)) quality -= 0.5;
  if (/^(?:ad+ress|proceed|continue|finish|fix|do|let'?s do)\b[\s\d,#/&and.:-]*(?:\w+\s?){0,2}$/i.test(text))
    quality -= 3;
  if (/^(?:why|what|where|how|uh|hmm|that'?s|this|it|there'?s|i'?ve got|i just|here)\b/i.test(text))
    quality -= 1;
  if (/(?:\/[\w.-]+){4,}|https?:\/\/|\[\d|\b\d\d:\d\d\b/.test(text)) quality -= 1.5;
  if (/\bsidechain\b/.test(text)) quality -= 3;
  if ((text.match(/\b\d+\b/g)?.length ?? 0) >= 3) quality -= 3;
  if (POINTING.test(text)) quality -= 3;
  if (/[⚠✅❌│]/u.test(text)) quality -= 2;
  if (isDump(text) || text.length < 8) quality -= 2;
  return Math.max(0, quality);
}

/** Asks for work on something that only the conversation shows, or begins in the middle of one. */
const POINTING =
  /\b(?:here|these|those|that one|this (?:one|file|error|commit|branch|output|is|project)|lines? \d+|obs(?:ervations?)? \d+|phase \d+|chunk \d+|option \w)\b|^(?:ad+ress|continue|finish|explain|not sure|use (?:\.|claude)|i just|i['’ ]?ve|we['’ ]?re|we (?:added|just)|let['’ ]?s|what['’ ]?s|for obs|another|a lesser|take a look|recent|issue #?\d+|\w+\(\))/i;

function capital(text: string): string {
  return /^[a-z][a-z]*\s/.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
}
