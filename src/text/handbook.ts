/**
 * The one parser of MEMORY.md: what stands on which line. It takes whatever a model or a person wrote, and leaves open
 * what its readers make of it: the gate looks for faults in it, the consolidator without a model for facts, and others
 * for the sessions that a statement rests on.
 *
 *   text before the first group
 *   # Task Group: shop                              group
 *   scope: …                                          head
 *   applies_to: cwd=/srv/shop; reuse_rule=…
 *   ## Task 1: fix parts                            section, a task
 *   ### rollout_summary_files                         part
 *   - rollout_summaries/a.md (cwd=/srv/shop, …)         citation
 *   ### keywords
 *   - shop, parts
 *   ## User preferences                             section
 *   - run tests first [Task 1]                        statement with its references
 */
export interface Handbook {
  readonly preamble: string;
  readonly groups: readonly HandbookGroup[];
}

export interface HandbookGroup {
  /** Lines count from 1. */
  readonly line: number;
  /** What stands behind `# Task Group:`. */
  readonly family: string;
  /** The whole block, its own heading included. */
  readonly text: string;
  readonly hasScope: boolean;
  /** What `applies_to: cwd=` names, without the rule behind it; null when there is no such line. */
  readonly cwd: string | null;
  readonly sections: readonly HandbookSection[];
  readonly tasks: readonly HandbookTask[];
  /** Bullets outside tasks: what the memory says. */
  readonly statements: readonly HandbookStatement[];
}

export interface HandbookSection {
  readonly line: number;
  /** 2 for the sections of the form; 1 for a heading that somebody else wrote. */
  readonly level: number;
  readonly title: string;
  /** The section with its heading. */
  readonly text: string;
  readonly lines: readonly HandbookLine[];
}

export interface HandbookLine {
  readonly line: number;
  readonly text: string;
  /** Name of the `### ` heading it stands below; empty when there is none. */
  readonly part: string;
}

export interface HandbookTask {
  readonly line: number;
  readonly number: number;
  /** What stands behind the colon; null when there is none. */
  readonly title: string | null;
  readonly keywords: readonly string[];
  readonly citations: readonly HandbookCitation[];
}

/** A bullet under `### rollout_summary_files` that begins with the path of a summary file: the only form of a reference. */
export interface HandbookCitation {
  readonly line: number;
  /** `rollout_summaries/<file>.md`, as written. */
  readonly path: string;
  /** What follows the path; an id in it is compared whole, since ids may hold spaces, commas and brackets. */
  readonly rest: string;
}

export interface HandbookStatement {
  readonly line: number;
  readonly text: string;
  /** Numbers of the tasks it refers to; none: somebody wrote it by hand. */
  readonly tasks: readonly number[];
}

/**
 * Never throws, whatever the text is; a lone carriage return is no line break.
 *
 * @example
 * const { groups } = parseHandbook("# Task Group: shop\n\n## User preferences\n- run tests first [Task 1]\n");
 * groups[0]?.statements; // [{ line: 4, text: "run tests first", tasks: [1] }]
 */
export function parseHandbook(text: string): Handbook {
  const lines = text.split(/\r?\n/);
  const starts = lines.flatMap((line, at) => (line.startsWith("# Task Group:") ? [at] : []));
  return {
    preamble: lines.slice(0, starts[0] ?? lines.length).join("\n"),
    groups: starts.map((start, n) => groupOf(lines.slice(start, starts[n + 1] ?? lines.length), start + 1)),
  };
}

const HEADING = /^(##?)\s+(.*)$/;

function groupOf(lines: readonly string[], first: number): HandbookGroup {
  const headings = lines.flatMap((line, at) => (at > 0 && HEADING.test(line) ? [at] : []));
  const head = lines.slice(1, headings[0] ?? lines.length);
  const sections = headings.map((at, n) =>
    sectionOf(lines.slice(at, headings[n + 1] ?? lines.length), first + at),
  );
  // A bullet in the head says something, too.
  const loose = [{ lines: numbered(head, first + 1) }, ...sections.filter((one) => taskOf(one) === null)];
  return {
    line: first,
    family: (lines[0] ?? "").replace(/^# Task Group:\s*/, "").trim(),
    text: lines.join("\n"),
    hasScope: head.some((line) => /^scope:\s*\S/.test(line)),
    cwd: head.map(folderIn).find((cwd) => cwd !== null) ?? null,
    sections,
    tasks: sections.flatMap((section) => taskOf(section) ?? []),
    statements: loose.flatMap((section) => section.lines.flatMap(statementIn)),
  };
}

/** A folder may hold semicolons; the rule behind it is the last thing on the line. */
function folderIn(line: string): string | null {
  const behind = /^applies_to:\s*cwd=(.*)$/.exec(line)?.[1];
  if (behind === undefined) return null;
  const rule = behind.lastIndexOf("; reuse_rule=");
  return (rule < 0 ? behind : behind.slice(0, rule)).trim() || null;
}

function sectionOf(lines: readonly string[], first: number): HandbookSection {
  const [heading = "", ...body] = lines;
  const [, marks = "", title = ""] = HEADING.exec(heading) ?? [];
  return {
    line: first,
    level: marks.length,
    title: title.trim(),
    text: lines.join("\n"),
    lines: numbered(body, first + 1),
  };
}

function numbered(lines: readonly string[], first: number): readonly HandbookLine[] {
  let part = "";
  return lines.map((text, at) => {
    if (text.startsWith("### ")) part = text.slice(4).trim();
    return { line: first + at, text, part };
  });
}

function taskOf({ line, level, title, lines }: HandbookSection): HandbookTask | null {
  const [, number, rest = ""] = (level === 2 && /^Task (\d{1,6})\b(.*)$/.exec(title)) || [];
  if (number === undefined) return null;
  const bullets = lines.filter(({ text }) => text.startsWith("- "));
  const keywords = bullets.filter(({ part }) => part === "keywords");
  return {
    line,
    number: Number(number),
    title: /^: (.*)$/.exec(rest)?.[1] ?? null,
    keywords: keywords
      .flatMap(({ text }) => text.slice(2).split(","))
      .map((word) => word.trim())
      .filter((word) => word !== ""),
    citations: bullets.flatMap((bullet) =>
      bullet.part === "rollout_summary_files" ? citationIn(bullet) : [],
    ),
  };
}

const CITATION = /^[`"'[<(]{0,2}(rollout_summaries\/\S*?\.md)(?=$|[\s`"')\]>(,;:])(.*)$/;

function citationIn({ line, text }: HandbookLine): readonly HandbookCitation[] {
  const [, path, rest = ""] = CITATION.exec(text.slice(2).trim()) ?? [];
  return path === undefined ? [] : [{ line, path, rest }];
}

function statementIn({ line, text }: HandbookLine): readonly HandbookStatement[] {
  return text.startsWith("- ") ? [{ line, ...splitReferences(text.slice(2).trim()) }] : [];
}

/** A reference is at most so long. */
const REFERENCE_LENGTH = "[Task 123456]".length;

/**
 * A statement without the references at its end, and the numbers of the tasks they name. A text may speak of `[Task 9]`
 * in its middle. Read from the end, one reference after the other: a pattern would begin anew at each of thousands.
 */
export function splitReferences(statement: string): {
  readonly text: string;
  readonly tasks: readonly number[];
} {
  const tasks: number[] = [];
  let end = endOfWords(statement, statement.length);
  for (;;) {
    const last = /\[Task (\d{1,6})\]$/.exec(statement.slice(Math.max(0, end - REFERENCE_LENGTH), end));
    if (last === null) break;
    tasks.push(Number(last[1]));
    end = endOfWords(statement, end - last[0].length);
  }
  return { text: tasks.length === 0 ? statement : statement.slice(0, end), tasks: tasks.reverse() };
}

function endOfWords(text: string, from: number): number {
  let end = from;
  while (end > 0 && /\s/.test(text[end - 1] ?? "")) end -= 1;
  return end;
}
