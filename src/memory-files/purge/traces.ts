import type { Stage1Output } from "../../domain/memory.ts";
import { summaryStem } from "../host-file-text.ts";

/** How surely a line comes from a thread: `certain` names or quotes it, `likely` and `possible` share its own words. */
export type Suspicion = "certain" | "likely" | "possible" | null;

/** Recognises one thread in texts that others wrote from it. */
export interface Traces {
  /** The text names the thread: its id, one of its summary files, its recording. */
  cites(text: string): boolean;
  /**
   * `certain`: the line names the thread, or says several words in a row that no other thread says. `likely`: it holds
   * two words, or one name or number, that only this thread uses. `possible`: it holds one such word.
   */
  suspect(line: string): Suspicion;
  /** Any line of the text is at least as suspect as this; `certain` by default. */
  hits(text: string, least?: Exclude<Suspicion, null>): boolean;
  /** The same text with every name of the thread, and every line at least as suspect as `least`, replaced. */
  without(text: string, least?: Exclude<Suspicion, null>): string;
  /** Whether one word (a keyword) is used by this thread alone. */
  owns(word: string): boolean;
  /** Lines that an agent made of the thread: what they say counts as said by the thread from now on. */
  learn(lines: Iterable<string>, keptLines: Iterable<string>): void;
}

/** So many words in a row are no chance. */
const RUN = 4;
const REMOVED = "[purged]";
const RANK = { certain: 3, likely: 2, possible: 1 } as const;

/**
 * `others`: words and sentences that other threads use as well are theirs, and are no trace. The vocabulary is compared
 * in lower case, word by word, so a sentence worded anew is recognised by the names and terms it could not do without.
 */
export function tracesOf(
  threadId: string,
  versions: readonly Stage1Output[],
  others: Iterable<Stage1Output>,
): Traces {
  const names = [threadId, ...versions.map(summaryStem), ...versions.map(({ rolloutPath }) => rolloutPath)];
  const pattern = namePattern(names);
  const runs = new Set<string>();
  const words = new Set<string>();
  for (const line of linesOf(versions)) {
    for (const run of runsOf(line)) runs.add(run);
    for (const word of wordsOf(line)) words.add(word);
  }
  const common = new Set<string>(COMMON);
  for (const other of others) {
    for (const word of wordsOf(`${other.cwd} ${other.rolloutPath} ${other.gitBranch ?? ""}`))
      common.add(word);
    for (const line of linesOf([other])) {
      for (const run of runsOf(line)) runs.delete(run);
      for (const word of wordsOf(line)) common.add(word);
    }
  }
  const owns = (word: string) => words.has(word) && !common.has(word) && isTelling(word);
  const cites = (text: string) => text.search(pattern) >= 0;

  function suspect(line: string): Suspicion {
    if (cites(line) || runsOf(line).some((run) => runs.has(run))) return "certain";
    const own = new Set(wordsOf(line).filter(owns));
    if (own.size === 0) return null;
    return own.size > 1 || [...own].some((word) => /\d/.test(word)) ? "likely" : "possible";
  }
  const isSuspect = (line: string, least: keyof typeof RANK) => {
    const found = suspect(line);
    return found !== null && RANK[found] >= RANK[least];
  };
  return {
    cites,
    suspect,
    owns: (word) => wordsOf(word).some(owns),
    hits: (text, least = "certain") => text.split("\n").some((line) => isSuspect(line, least)),
    without: (text, least = "certain") =>
      text
        .split("\n")
        .map((line) => {
          const named = line.replace(pattern, REMOVED);
          return isSuspect(named === line ? line : named, least) ? REMOVED : named;
        })
        .join("\n"),
    learn(lines, keptLines) {
      const kept = new Set([...keptLines].flatMap(runsOf));
      for (const line of lines) for (const run of runsOf(line)) if (!kept.has(run)) runs.add(run);
    },
  };
}

/** A name that any text may hold by chance (`1`, `%`, `nobody`) counts only where a thread is named. */
function namePattern(names: readonly string[]): RegExp {
  const alternatives = [...new Set(names)]
    .filter((name) => name.length > 0)
    .sort((a, b) => b.length - a.length)
    .map((name) =>
      isTellingName(name) ? escapePattern(name) : `(?<=thread_id[=:]\\s?|Thread \`)${escapePattern(name)}`,
    )
    .join("|");
  return new RegExp(`(?<![\\p{L}\\p{N}_-])(?:${alternatives})(?![\\p{L}\\p{N}_-])`, "gu");
}

function isTellingName(name: string): boolean {
  return /[\p{L}\p{N}]{2}/u.test(name) && name.length > 5 && (/[\d_./-]/.test(name) || name.length > 15);
}

function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
}

function* linesOf(outputs: readonly Stage1Output[]): Iterable<string> {
  for (const { rawMemory, rolloutSummary } of outputs) {
    yield* rawMemory.split("\n");
    yield* rolloutSummary.split("\n");
  }
}

/** Every run of `RUN` words of the line; of a shorter line all of it. A reference to a task is no part of what it says. */
function runsOf(line: string): readonly string[] {
  const words =
    line
      .replace(/(\[[^\]]*\]\s*)+$/, "")
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? [];
  if (words.length < 2) return [];
  if (words.length <= RUN) return [`${words.join(" ")}.`];
  return words.slice(RUN - 1).map((_, at) => words.slice(at, at + RUN).join(" "));
}

const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/u;
const segmenter = new Intl.Segmenter(undefined, { granularity: "word" });

/** Words in lower case. Scripts without spaces are cut where a reader would cut them. */
function wordsOf(line: string): readonly string[] {
  const found = line.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  if (!UNSPACED.test(line)) return found;
  return found.flatMap((word) =>
    UNSPACED.test(word) ? Array.from(segmenter.segment(word), ({ segment }) => segment) : [word],
  );
}

/** Very short words, and plain small numbers, are everybody's. */
function isTelling(word: string): boolean {
  if (UNSPACED.test(word)) return word.length > 1;
  return /^\d+$/.test(word) ? word.length > 2 : word.length > 2;
}

/** Words of any note, of the memory's own headings, and of the sentences that a consolidation puts around them. */
const COMMON =
  `a about after again all also always an and any are as at back be because been before being between both but by
can could did do does done each either else ever every few first for from get gets go goes had has have here how if in
into is it its just keep keeps kept last later less like make makes many may me more most much must my never new next no
none nor not now of off often old on once one only or other our out over own per please put rather said same say see
set she should since so some still such take than that the their them then there these they thing this those through to
too two under until up upon us use used user users uses using very via want wants was way we well were what when where
whether which while who why will with within without work works would yet you your
der die das den dem des ein eine einen einem einer und oder nicht nur auch mit von zu im ist sind wird werden weil wenn
memory memories task tasks group groups scope applies cwd reuse rule rollout summary summaries files file keywords keyword
preferences preference profile general tips reusable knowledge failures failure differently session sessions thread threads
updated path learnings desc description older topics topic project projects symptom cause fix fact facts step steps notes
note added hand raw outcome success partial failed unknown name names line lines folder folders run runs date learned`
    .split(/\s+/)
    .filter((word) => word !== "");
