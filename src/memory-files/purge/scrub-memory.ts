import { pathText } from "../../text/sanitize.ts";
import { RAW_MEMORIES, SUMMARIES } from "../host-files.ts";
import { scrubHandbook } from "./scrub-handbook.ts";
import type { Traces } from "./traces.ts";

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
