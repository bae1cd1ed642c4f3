import type { Stage1Output } from "../../domain/memory.ts";
import { summaryStem } from "../summary-name.ts";

/** By what a thread is known in texts that others wrote of it. */
export interface Traces {
  /** Names it: its id, one of its summary files, its recording. */
  cites(text: string): boolean;
  /** This line says what only this thread said: several of its words in a row, or one of its short lines as a whole. */
  tells(line: string): boolean;
  /** Any line of it names it or says what it said. */
  hits(text: string): boolean;
  /** The same text with every name of it, and every line that tells of it, replaced. */
  without(text: string): string;
}

/** So many words in a row are no chance. */
const WORDS = 4;
export const REMOVED = "[purged]";

/** `others`: what other threads said as well is theirs, and stays. */
export function tracesOf(
  threadId: string,
  versions: readonly Stage1Output[],
  others: Iterable<Stage1Output>,
): Traces {
  const names = [threadId, ...versions.map(stemOf), ...versions.map(({ rolloutPath }) => rolloutPath)];
  const pattern = new RegExp(
    `(?<![\\p{L}\\p{N}_-])(?:${[...new Set(names)]
      .filter((name) => name.length > 0)
      .sort((a, b) => b.length - a.length)
      .map(escaped)
      .join("|")})(?![\\p{L}\\p{N}_-])`,
    "gu",
  );
  const runs = new Set<string>();
  for (const line of linesOf(versions)) for (const run of runsOf(line)) runs.add(run);
  for (const other of others)
    for (const line of linesOf([other])) for (const run of runsOf(line)) runs.delete(run);

  const cites = (text: string) => text.search(pattern) >= 0;
  const tells = (line: string) => runsOf(line).some((run) => runs.has(run));
  return {
    cites,
    tells,
    hits: (text) => cites(text) || text.split("\n").some(tells),
    without: (text) =>
      text
        .split("\n")
        .map((line) => (tells(line) ? REMOVED : line.replace(pattern, REMOVED)))
        .join("\n"),
  };
}

/** The name of its summary, without the ending. */
function stemOf(output: Stage1Output): string {
  return summaryStem(output);
}

function* linesOf(outputs: readonly Stage1Output[]): Iterable<string> {
  for (const { rawMemory, rolloutSummary } of outputs) {
    yield* rawMemory.split("\n");
    yield* rolloutSummary.split("\n");
  }
}

/** Every run of `WORDS` words of the line; of a shorter one all of it. A reference to a task is no part of what it says. */
function runsOf(line: string): readonly string[] {
  const words =
    line
      .replace(/(\[[^\]]*\]\s*)+$/, "")
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? [];
  if (words.length < 2) return [];
  if (words.length <= WORDS) return [`${words.join(" ")}.`];
  return words.slice(WORDS - 1).map((_, at) => words.slice(at, at + WORDS).join(" "));
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
}
