import { splitReferences } from "../../text/handbook.ts";
import { pathText } from "../../text/sanitize.ts";
import { RAW_MEMORIES, SUMMARIES } from "../host-files.ts";
import type { Suspicion, Traces } from "./traces.ts";

/** The files of one memory, without a thread. */
export interface ScrubbedMemory {
  /** Path → the new text, or null when the file goes. Files that hold nothing of the thread are absent. */
  readonly changed: ReadonlyMap<string, string | null>;
  /** One sentence for each place of which it can't be known whether it comes from the thread: it stays. */
  readonly undecided: readonly string[];
}

export interface ScrubRequest {
  readonly traces: Traces;
  /** Whether a person wrote this line (counted from 0) of a file by hand. */
  readonly isOwn?: (path: string, line: number) => boolean;
}

/**
 * Takes a thread out of what agents and people wrote of one memory, the handbook first: what is removed there tells the words that an agent
 * used for the thread, and by those the summary and the skills are searched.
 */
export function scrubMemory(files: ReadonlyMap<string, string>, request: ScrubRequest): ScrubbedMemory {
  const changed = new Map<string, string | null>();
  const undecided: string[] = [];
  const { traces } = request;
  const isOwn = (path: string) => (line: number) => request.isOwn?.(path, line) ?? false;
  const handbook = files.get("MEMORY.md");
  if (handbook !== undefined && traces.hits(handbook, "possible")) {
    const found = scrubHandbook(handbook, traces, isOwn("MEMORY.md"));
    if (found.text !== handbook) changed.set("MEMORY.md", found.text);
    traces.learn(found.removed, found.text.split("\n"));
    undecided.push(...found.undecided.map((line) => placeOf("MEMORY.md", line)));
  }
  const skillsGone = goneSkills(files, traces);
  for (const [path, text] of files) {
    if (path === "MEMORY.md") continue;
    if (traces.hits(path) || skillsGone.has(skillOf(path) ?? "")) changed.set(path, null);
    else {
      const found = scrubItems(text, traces, isOwn(path));
      if (found.text !== text) changed.set(path, found.text);
      undecided.push(...found.undecided.map((line) => placeOf(path, line)));
    }
  }
  return { changed, undecided };
}

function placeOf(path: string, line: number): string {
  return `${pathText(path)}, line ${line + 1}`;
}

/** A file that the host wrote from inputs, without a thread: its own summary is null, other text loses its lines. */
export function scrubHostFile(
  path: string,
  text: string,
  { threadId, traces }: { readonly threadId: string; readonly traces: Traces },
): string | null {
  if (traces.hits(path) || (path.startsWith(`${SUMMARIES}/`) && isSummaryOf(text, threadId))) return null;
  const lines = path === RAW_MEMORIES ? withoutThread(text, threadId) : text.split("\n");
  return lines.filter((line) => traces.suspect(line) !== "certain").join("\n");
}

function isSummaryOf(text: string, threadId: string): boolean {
  return text.startsWith(`thread_id: ${threadId}\n`) || text.startsWith(`thread_id: ${threadId}\r\n`);
}

function withoutThread(text: string, threadId: string): readonly string[] {
  return cutAt(text.split("\n"), (line) => line.startsWith("## Thread `"))
    .filter(([heading]) => heading !== `## Thread \`${threadId}\``)
    .flat();
}

function skillOf(path: string): string | null {
  return /^skills\/([^/]+)\//.exec(path)?.[1] ?? null;
}

/** A skill goes as a whole when its name, its description or half of what it says is the thread's. */
function goneSkills(files: ReadonlyMap<string, string>, traces: Traces): ReadonlySet<string> {
  const gone = new Set<string>();
  for (const [path, text] of files) {
    const name = skillOf(path);
    if (name === null || !path.endsWith("/SKILL.md")) continue;
    const lines = text.split("\n").filter((line) => line.trim() !== "");
    const suspects = lines.filter((line) => traces.suspect(line) !== null).length;
    const description = lines.find((line) => line.startsWith("description:")) ?? "";
    if (traces.suspect(description) !== null || traces.owns(name) || suspects * 2 > lines.length)
      gone.add(name);
  }
  return gone;
}

/**
 * Bullets with the lines below them, and single lines. Nothing here says which session a line came from, so one word
 * that only the thread uses is enough, unless a person wrote the line: then it goes only when it quotes the thread.
 */
function scrubItems(text: string, traces: Traces, isOwn: (line: number) => boolean) {
  const lines = text.split("\n");
  const undecided: number[] = [];
  const goes = lines.map((line, at) => {
    const found = traces.suspect(line);
    if (found === null || found === "certain" || !isOwn(at)) return found !== null;
    undecided.push(at);
    return false;
  });
  lines.forEach((line, at) => {
    if (!goes[at] || !/^[-*+] /.test(line)) return;
    for (let next = at + 1; /^\s+\S/.test(lines[next] ?? ""); next += 1) if (!isOwn(next)) goes[next] = true;
  });
  const kept = lines.filter((_, at) => !goes[at]);
  return { text: withoutEmptySections(kept, lines).join("\n"), undecided };
}

/** A section that has lost all it held loses its heading too; one that was empty before keeps it. */
function withoutEmptySections(kept: readonly string[], before: readonly string[]): readonly string[] {
  const isHeading = (line: string) => /^#{3,6} /.test(line);
  const isBlank = (part: readonly string[]) => part.slice(1).every((line) => line.trim() === "");
  const wasEmpty = new Set(
    cutAt(before, isHeading).flatMap((part) => (isHeading(part[0] ?? "") && isBlank(part) ? [part[0]] : [])),
  );
  return cutAt(kept, (line) => /^#{1,6} /.test(line))
    .filter((part) => !(isHeading(part[0] ?? "") && isBlank(part) && !wasEmpty.has(part[0])))
    .flat();
}

/** Cuts lines into parts that begin where `begins` says so. */
export function cutAt(
  lines: readonly string[],
  begins: (line: string) => boolean,
): readonly (readonly string[])[] {
  const parts: string[][] = [[]];
  for (const line of lines) {
    if (begins(line)) parts.push([]);
    parts.at(-1)?.push(line);
  }
  return parts.filter((part) => part.length > 0);
}

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
  const isNamed = names || section.some(({ text }) => traces.suspect(text) === "certain");
  let part = "";
  return section.flatMap(({ text }, at) => {
    if (/^### /.test(text)) part = text.slice(4).trim();
    if (at > 0 && traces.cites(text)) return [];
    if (at === 0)
      return [isNamed && traces.suspect(text) !== null ? plainTitle(text, section, traces) : text];
    if (part === "keywords" && /^- /.test(text)) {
      const words = text.slice(2).split(", ");
      const left = words.filter((word) => !traces.owns(word) && !traces.cites(word));
      return left.length === words.length ? [text] : [`- ${left.length === 0 ? "memory" : left.join(", ")}`];
    }
    const found = traces.suspect(text);
    if (found !== "certain" && !(isNamed && found !== null)) return [text];
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
    const { text: words, tasks: references } = splitReferences(text);
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
