import type { Kind } from "./sections.ts";
import { normalFolder } from "./thread.ts";

/**
 * MEMORY.md read back: the base of the next consolidation, and what the summary is made from. Anything that is not in
 * the handbook's own form was written by somebody, and is kept as text.
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

export function readHandbook(text: string): Handbook {
  const [preamble = "", ...blocks] = text.replace(/\r\n?/g, "\n").split(/^(?=# Task Group:)/m);
  if (preamble.startsWith("# Task Group:"))
    return { preamble: "", groups: [preamble, ...blocks].map(readGroup) };
  return { preamble: preamble.trim(), groups: blocks.map(readGroup) };
}

function readGroup(block: string): Group {
  const [head = "", ...sections] = block.split(/^(?=##? )/m).reduce(joinHead, []);
  const items: Record<Kind, Item[]> = { preference: [], knowledge: [], failure: [] };
  const tasks: TaskEntry[] = [];
  const foreign: string[] = [];
  for (const section of sections) {
    const title = section
      .slice(0, Math.max(section.indexOf("\n"), 0) || section.length)
      .replace(/^##? /, "")
      .trim();
    const task = /^Task (\d{1,4}): (.*)$/.exec(title);
    const kind = kinds.find((candidate) => kindTitles[candidate] === title);
    if (section.startsWith("## ") && task !== null)
      tasks.push(readTask(Number(task[1]), task[2] ?? "", section));
    else if (section.startsWith("## ") && kind !== undefined)
      items[kind] = items[kind].concat(readItems(section));
    else foreign.push(section.trim());
  }
  const line = /^applies_to: cwd=(.*)$/m.exec(head)?.[1];
  const rule = line?.lastIndexOf("; reuse_rule=") ?? -1;
  const applies = rule < 0 ? line : line?.slice(0, rule);
  const cwd = applies === undefined ? null : applies === noProject ? "" : normalFolder(applies);
  return {
    family: /^# Task Group:\s*(.*)$/m.exec(head)?.[1]?.trim() ?? "",
    cwd,
    tasks,
    items,
    foreign,
    text: `${block.trim()}\n`,
  };
}

export const kinds: readonly Kind[] = ["preference", "knowledge", "failure"];

/** The group's own `# ` line belongs to its head. */
function joinHead(parts: string[], part: string): string[] {
  if (parts.length === 0 || (parts.length === 1 && (parts[0] ?? "").trim() === "")) return [part];
  parts.push(part);
  return parts;
}

function readTask(number: number, title: string, section: string): TaskEntry {
  const citations: Citation[] = [];
  const keywords: string[] = [];
  let part = "";
  for (const line of section.split("\n").slice(1)) {
    if (line.startsWith("### ")) part = line.slice(4).trim();
    else if (part === "rollout_summary_files") {
      const match =
        /^- rollout_summaries\/([^/\s]+\.md) \((?:.*, )?updated_at=([^,]*), thread_id=(.*)\)$/.exec(line);
      if (match !== null)
        citations.push({ file: match[1] ?? "", updatedAt: match[2] ?? "", threadId: match[3] ?? "" });
    } else if (part === "keywords" && line.startsWith("- ")) keywords.push(...line.slice(2).split(", "));
  }
  return { number, title, keywords, citations };
}

/** Bullets with the lines that continue them; a paragraph counts as a bullet. */
function readItems(section: string): readonly Item[] {
  const texts: string[] = [];
  let isOpen = false;
  for (const line of section.split("\n").slice(1)) {
    if (line.trim() === "") isOpen = false;
    else if (/^[-*+] /.test(line) || !isOpen) {
      texts.push(line.replace(/^[-*+] /, "").trim());
      isOpen = true;
    } else texts[texts.length - 1] += `\n${line.trimEnd()}`;
  }
  return texts.map((text) => {
    const refs = /(?:\s*\[Task \d{1,4}\])+$/.exec(text)?.[0] ?? "";
    return {
      text: text.slice(0, text.length - refs.length).trim(),
      tasks: [...refs.matchAll(/\d+/g)].map((match) => Number(match[0])),
    };
  });
}
