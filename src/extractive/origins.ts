import { splitReferences } from "../text/handbook.ts";
import { type ConsolidateInput, consolidate } from "./consolidate.ts";
import type { Fact } from "./facts.ts";
import { bullet } from "./groups.ts";
import { readHandbook } from "./handbook.ts";

/** Where a line of the handbook comes from. Times are RFC 3339. */
export interface LineOrigin {
  readonly line: number;
  readonly text: string;
  /** Null where the line is no statement of the built-in consolidator: structure, or words of somebody else. */
  readonly firstSeen: string | null;
  readonly lastConfirmed: string | null;
  readonly sessions: readonly LineSession[];
  /** Statements whose place it took. */
  readonly replaced: readonly { readonly text: string; readonly lastConfirmed: string }[];
}

export interface LineSession {
  readonly threadId: string;
  readonly updatedAt: string;
  /** `rollout_summaries/<file>.md` */
  readonly file: string;
}

/**
 * Which sessions said a line, when, and what it replaced. Nothing is stored for this: the consolidator comes to the
 * same statements from the same inputs, which lie beside the handbook. A line of another agent is explained by the
 * tasks it refers to.
 *
 * @param input the inputs that the memory was made from
 * @param memory the handbook
 * @param line counted from 1
 */
export function explainLine(input: ConsolidateInput, memory: string, line: number): LineOrigin {
  return lineOrigins(input, memory)(line);
}

/** The same for many lines of one handbook. */
export function lineOrigins(input: ConsolidateInput, memory: string): (line: number) => LineOrigin {
  const lines = memory.split("\n");
  const facts = new Map<string, Fact>();
  for (const group of consolidate(input).groups)
    for (const fact of group.facts) {
      const key = withoutReferences(bullet(fact, []));
      if (!facts.has(key)) facts.set(key, fact);
    }
  return (line) => {
    const text = lines[line - 1] ?? "";
    const unknown = { line, text, firstSeen: null, lastConfirmed: null, sessions: [], replaced: [] };
    if (text.trim() === "") return unknown;
    const fact = facts.get(withoutReferences(text));
    return fact === undefined
      ? { ...unknown, sessions: citedBy(memory, line, text) }
      : { line, text, ...originOf(fact) };
  };
}

function originOf({ firstSeen, lastConfirmed, threads, replaced }: Fact) {
  return {
    firstSeen: timeText(firstSeen),
    lastConfirmed: timeText(lastConfirmed),
    sessions: threads.map(({ id, updatedAt, file }) => ({
      threadId: id,
      updatedAt,
      file: `rollout_summaries/${file}`,
    })),
    replaced: replaced.map((old) => ({ text: old.text, lastConfirmed: timeText(old.lastConfirmed) })),
  };
}

/** The sessions of the tasks that the line refers to, or of the group or task that it stands in. */
function citedBy(memory: string, line: number, text: string): readonly LineSession[] {
  const before = memory.split("\n").slice(0, line);
  const start = before.findLastIndex((other) => other.startsWith("# Task Group:"));
  if (start < 0) return [];
  const [group] = readHandbook(memory.split("\n").slice(start).join("\n")).groups;
  const named = [...text.matchAll(/\[Task (\d+)\]/g)].map((match) => Number(match[1]));
  const heading = before.findLast((other) => other.startsWith("## "));
  const own = Number(/^## Task (\d+):/.exec(heading ?? "")?.[1] ?? 0);
  const numbers = named.length > 0 ? named : own > 0 ? [own] : [];
  const tasks = (group?.tasks ?? []).filter(({ number }) => numbers.length === 0 || numbers.includes(number));
  const cited = tasks.flatMap(({ citations }) =>
    citations.map(({ file, updatedAt, threadId }) => ({
      threadId,
      updatedAt,
      file: `rollout_summaries/${file}`,
    })),
  );
  // A session that worked on several tasks, or was resumed, is one session.
  return [...new Map(cited.map((session) => [session.threadId, session])).values()];
}

function withoutReferences(line: string): string {
  return splitReferences(line)
    .text.replace(/ \(\d{4}-\d\d-\d\d\)$/, "")
    .trim();
}

function timeText(time: number): string {
  return new Date(time).toISOString().replace(/\.\d+Z$/, "Z");
}
