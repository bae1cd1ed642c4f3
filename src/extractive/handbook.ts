import {
  type HandbookCitation,
  type HandbookGroup,
  type HandbookSection,
  parseHandbook,
  splitReferences,
} from "../text/handbook.ts";
import type { Kind } from "./sections.ts";
import { normalFolder } from "./thread.ts";

/**
 * MEMORY.md as facts: the base of the next consolidation, and what the summary is made from. Anything that is not in
 * the form that the consolidator itself writes was written by somebody, and is kept as text.
 */
export interface Handbook {
  /** Text before the first group. */
  readonly preamble: string;
  readonly groups: readonly Group[];
}

export interface Group {
  readonly family: string;
  /** Normalised folder; null when the block names none and is therefore not ours. */
  readonly cwd: string | null;
  readonly tasks: readonly TaskEntry[];
  readonly items: Readonly<Record<Kind, readonly Item[]>>;
  /** Other `## ` sections, verbatim. */
  readonly foreign: readonly string[];
  /** The whole block, verbatim, one newline at its end. */
  readonly text: string;
}

export interface TaskEntry {
  readonly number: number;
  readonly title: string;
  readonly keywords: readonly string[];
  readonly citations: readonly Citation[];
}

interface Citation {
  readonly file: string;
  readonly updatedAt: string;
  readonly threadId: string;
}

export interface Item {
  readonly text: string;
  /** Numbers of the tasks it refers to; none: somebody wrote it by hand. */
  readonly tasks: readonly number[];
}

export const noProject = "(no project)";
export const kindTitles: Readonly<Record<Kind, string>> = {
  preference: "User preferences",
  knowledge: "Reusable knowledge",
  failure: "Failures and how to do differently",
};

export const kinds: readonly Kind[] = ["preference", "knowledge", "failure"];

export function readHandbook(text: string): Handbook {
  const { preamble, groups } = parseHandbook(text.replace(/\r\n?/g, "\n"));
  return { preamble: preamble.trim(), groups: groups.map(readGroup) };
}

function readGroup({ family, cwd, text, sections, tasks: found }: HandbookGroup): Group {
  const items: Record<Kind, Item[]> = { preference: [], knowledge: [], failure: [] };
  const tasks: TaskEntry[] = [];
  const foreign: string[] = [];
  for (const section of sections) {
    const task = found.find(({ line }) => line === section.line);
    const kind = kinds.find((candidate) => kindTitles[candidate] === section.title);
    if (task !== undefined && task.title !== null && task.number <= MOST_TASKS) {
      const { number, title, keywords, citations } = task;
      tasks.push({ number, title, keywords, citations: citations.flatMap(readCitation) });
    } else if (section.level === 2 && kind !== undefined)
      items[kind] = items[kind].concat(readItems(section));
    else foreign.push(section.text.trim());
  }
  return {
    family,
    cwd: cwd === null ? null : cwd === noProject ? "" : normalFolder(cwd),
    tasks,
    items,
    foreign,
    text: `${text.trim()}\n`,
  };
}

/** The consolidator never numbers beyond. */
const MOST_TASKS = 9_999;

/** Only one in the consolidator's own form is a fact. */
function readCitation({ path, rest }: HandbookCitation): readonly Citation[] {
  const match = /^ \((?:.*, )?updated_at=([^,]*), thread_id=(.*)\)$/.exec(rest);
  const file = path.slice("rollout_summaries/".length);
  if (match === null || /[/\s]/.test(file)) return [];
  return [{ file, updatedAt: match[1] ?? "", threadId: match[2] ?? "" }];
}

/** Bullets with the lines that continue them; a paragraph counts as a bullet. */
function readItems({ lines }: HandbookSection): readonly Item[] {
  const texts: string[] = [];
  let isOpen = false;
  for (const { text } of lines) {
    if (text.trim() === "") isOpen = false;
    else if (/^[-*+] /.test(text) || !isOpen) {
      texts.push(text.replace(/^[-*+] /, "").trim());
      isOpen = true;
    } else texts[texts.length - 1] += `\n${text.trimEnd()}`;
  }
  return texts.map((text) => {
    const { text: words, tasks } = splitReferences(text);
    return { text: words.trim(), tasks };
  });
}
