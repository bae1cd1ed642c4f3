import type { Suspicion, Traces } from "./traces.ts";

export interface ScrubbedHandbook {
  readonly text: string;
  /** Lines that were taken out, in the agent's words. */
  readonly removed: readonly string[];
  /** Lines, from 0, of which it can't be known whether they come from the thread. */
  readonly undecided: readonly number[];
}

interface Line {
  readonly text: string;
  /** From 0, in the whole file. */
  readonly at: number;
}

/**
 * A handbook without a thread. A citation of the thread goes; a task that cites nothing else goes with it; a bullet goes
 * when all of its tasks are gone or never were, and loses the references that lead nowhere; a group without a task
 * goes, but for what a person wrote there. What stays is searched for the thread's names, sentences and words.
 */
export function scrubHandbook(
  text: string,
  traces: Traces,
  isOwn: (line: number) => boolean = () => false,
): ScrubbedHandbook {
  const lines = text.split("\n").map((line, at) => ({ text: line, at }));
  const removed: string[] = [];
  const undecided: number[] = [];
  const kept = cutLines(lines, /^# /).flatMap((group) =>
    scrubGroup(group, { traces, isOwn, removed, undecided }),
  );
  return { text: kept.join("\n"), removed, undecided };
}

interface Work {
  readonly traces: Traces;
  readonly isOwn: (line: number) => boolean;
  readonly removed: string[];
  readonly undecided: number[];
}

function scrubGroup(lines: readonly Line[], work: Work): readonly string[] {
  const sections = cutLines(lines, /^##? /);
  const numbers = new Set<number>();
  const gone = new Set<number>();
  const kept: { readonly isTask: boolean; readonly lines: readonly string[] }[] = [];
  for (const section of sections) {
    const number = taskNumber(section);
    if (number === null) continue;
    const left = scrubTask(section, work);
    if (left === null) gone.add(number);
    else numbers.add(number);
  }
  const hadTasks = gone.size + numbers.size > 0;
  const isOver = hadTasks && numbers.size === 0;
  for (const section of sections) {
    const number = taskNumber(section);
    if (number !== null) {
      const left = gone.has(number) ? null : scrubTask(section, { ...work, removed: [] });
      if (left !== null) kept.push({ isTask: true, lines: left });
      continue;
    }
    const left = scrubStatements(section, numbers, { ...work, isOver, isMixed: gone.size > 0 });
    kept.push({ isTask: false, lines: left });
  }
  if (!isOver) return kept.flatMap((part) => part.lines);
  const own = lines.filter(({ text, at }) => work.isOwn(at) && text.trim() !== "" && !/^#/.test(text));
  const stands = new Set(kept.flatMap((part) => part.lines));
  if (!own.some(({ text }) => stands.has(text))) {
    work.removed.push(...lines.map(({ text }) => text));
    return [];
  }
  return kept.flatMap((part) => part.lines);
}

function taskNumber(section: readonly Line[]): number | null {
  const found = /^## Task (\d{1,6})\b/.exec(section[0]?.text ?? "")?.[1];
  return found === undefined ? null : Number(found);
}

/** Null: the task cites nothing else. A task that stays loses the citation, and keywords and a title of the thread's. */
function scrubTask(section: readonly Line[], { traces, removed }: Work): readonly string[] | null {
  const cited = section.filter(({ text }) => /^\s*[-*+] .*rollout_summaries\//.test(text));
  const others = cited.filter(({ text }) => !traces.cites(text));
  const names = section.some(({ text }) => traces.cites(text));
  if (names && others.length === 0) {
    removed.push(...section.map(({ text }) => text));
    return null;
  }
  const isTold = names || section.some(({ text }) => traces.suspect(text) === "certain");
  let part = "";
  return section.flatMap(({ text }, at) => {
    if (/^### /.test(text)) part = text.slice(4).trim();
    if (at > 0 && traces.cites(text)) return [];
    if (at === 0) return [isTold && traces.suspect(text) !== null ? plainTitle(text, section, traces) : text];
    if (part === "keywords" && /^- /.test(text)) {
      const words = text.slice(2).split(", ");
      const left = words.filter((word) => !traces.owns(word) && !traces.cites(word));
      return left.length === words.length ? [text] : [`- ${left.length === 0 ? "memory" : left.join(", ")}`];
    }
    const found = traces.suspect(text);
    if (found !== "certain" && !(isTold && found !== null)) return [text];
    removed.push(text);
    return [];
  });
}

/** Made of the task's other keywords, since its own title is of the thread's words. */
function plainTitle(heading: string, section: readonly Line[], traces: Traces): string {
  const from = section.findIndex(({ text }) => /^### keywords/.test(text));
  const line = section.slice(from + 1).find(({ text }) => text.startsWith("- "))?.text ?? "- ";
  const words = line
    .slice(2)
    .split(", ")
    .filter((word) => word !== "" && !traces.owns(word));
  const number = /^## Task \d+/.exec(heading)?.[0] ?? "## Task 1";
  return `${number}: ${words.length === 0 ? "other work" : words.slice(0, 4).join(", ")}`;
}

interface StatementWork extends Work {
  /** No task of the group is left. */
  readonly isOver: boolean;
  /** Some task of the group is gone. */
  readonly isMixed: boolean;
}

/** The head of a group, its lists and any other section: items are a bullet with what is indented below, or one line. */
function scrubStatements(
  section: readonly Line[],
  tasks: ReadonlySet<number>,
  work: StatementWork,
): readonly string[] {
  const { traces, isOwn, removed, undecided } = work;
  const kept: string[] = [];
  let isDropping = false;
  for (const [place, { text, at }] of section.entries()) {
    if (/^\s+\S/.test(text) && isDropping && !isOwn(at)) {
      removed.push(text);
      continue;
    }
    if (text.trim() === "") {
      kept.push(text);
      continue;
    }
    const { words, references } = splitReferences(text);
    const left = references.filter((number) => tasks.has(number));
    const isDangling = references.length > 0 && left.length === 0;
    const goes =
      isDangling ||
      isSuspect(text, { found: traces.suspect(text), hasSource: left.length > 0, isOwn: isOwn(at), work });
    isDropping = goes && !/^#/.test(text);
    if (goes) {
      const stand = place === 0 || isHeadLine(text) ? neutral(text, section, traces) : null;
      if (stand !== null) kept.push(stand);
      removed.push(text);
      continue;
    }
    if (traces.suspect(text) !== null) undecided.push(at);
    kept.push(
      left.length === references.length ? text : `${words}${left.map((n) => ` [Task ${n}]`).join("")}`,
    );
  }
  return kept;
}

function isSuspect(
  text: string,
  {
    found,
    hasSource,
    isOwn,
    work,
  }: {
    readonly found: Suspicion;
    readonly hasSource: boolean;
    readonly isOwn: boolean;
    readonly work: StatementWork;
  },
): boolean {
  if (found === null) return work.isOver && !isOwn && !/^#{1,2} |^(scope|applies_to):/.test(text);
  if (found === "certain") return true;
  if (isOwn) return false;
  // The bullet's sources are other threads: one common word more or less proves nothing.
  return hasSource ? found === "likely" : true;
}

const REFERENCES = /(?:\s*\[Task \d{1,6}\])+\s*$/;

/** Trailing `[Task n]`, in the order in which they stand. */
function splitReferences(line: string): { readonly words: string; readonly references: readonly number[] } {
  const found = REFERENCES.exec(line)?.[0] ?? "";
  return {
    words: line.slice(0, line.length - found.length),
    references: [...found.matchAll(/\d+/g)].map((match) => Number(match[0])),
  };
}

function isHeadLine(text: string): boolean {
  return /^(scope|applies_to):/.test(text);
}

/** What a group can't be without, in words that are nobody's. */
function neutral(text: string, section: readonly Line[], traces: Traces): string | null {
  const folder = section
    .map((line) => /^applies_to:\s*cwd=([^;]*)/.exec(line.text)?.[1]?.trim() ?? "")
    .find((cwd) => cwd !== "" && traces.suspect(cwd) === null);
  if (/^# Task Group:/.test(text)) return `# Task Group: ${folder?.split("/").at(-1) ?? "notes"}`;
  if (/^# /.test(text)) return null;
  if (text.startsWith("scope:")) return "scope: what is left of this group";
  if (text.startsWith("applies_to:"))
    return `applies_to: cwd=${folder ?? "(no project)"}; reuse_rule=check before use`;
  return null;
}

function cutLines(lines: readonly Line[], begins: RegExp): readonly (readonly Line[])[] {
  const parts: Line[][] = [[]];
  for (const line of lines) {
    if (begins.test(line.text)) parts.push([]);
    parts.at(-1)?.push(line);
  }
  return parts.filter((part) => part.length > 0);
}
