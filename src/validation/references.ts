import type { GateCode } from "../domain/settings.ts";
import { type HandbookCitation, type HandbookGroup, parseHandbook } from "../text/handbook.ts";
import { readableText } from "../text/sanitize.ts";
import { type Candidate, type Check, evidenceOf, limited, type Remark } from "./candidate.ts";

const HANDBOOK = "MEMORY.md";

/**
 * References lead somewhere. A reference is a citation bullet of a task, or the `[Task 1]` at the end of a statement;
 * both are compared whole. Whatever else looks like one (a thread id in a code sample, a path in prose) is text that a
 * note may hold, and at most worth a warning.
 *
 * A reference that led nowhere before the run is not the agent's doing: it is asked about, and never blocks the space.
 */
export const references: Check = (candidate) => {
  const groups = parseHandbook(candidate.text(HANDBOOK) ?? "").groups;
  return [
    ...limited(citationFaults(groups, candidate)),
    ...limited(taskFaults(groups, candidate.base.text(HANDBOOK) ?? "")),
    ...[HANDBOOK, "memory_summary.md"].flatMap((path) => mentions(path, candidate)),
  ];
};

function citationFaults(groups: readonly HandbookGroup[], candidate: Candidate): readonly Remark[] {
  const { threadOf } = evidenceOf(candidate.evidence);
  const files = new Set(candidate.base.manifest.map(({ path }) => path));
  const before = new Set(lineList(candidate.base.text(HANDBOOK)));
  const lines = lineList(candidate.text(HANDBOOK));
  return groups
    .flatMap(({ tasks }) => tasks.flatMap(({ citations }) => citations))
    .flatMap((citation) => {
      const id = threadOf.get(citation.path);
      if (id !== undefined) return isThreadOf(citation, id) ? [] : [wrongThread(citation)];
      const isOld = !files.has(citation.path) && before.has(lines[citation.line - 1] ?? "");
      return [unknownSummary(citation, isOld)];
    });
}

function lineList(text: string | null): readonly string[] {
  return text?.split("\n").map((line) => line.trim()) ?? [];
}

/** Other values of a bullet may hold `thread_id=` as well; so many are tried. */
const MOST_VALUES = 50;

/** Whether the id behind `thread_id=` is this one, to its last character; a bullet without an id names its file only. */
function isThreadOf({ rest }: HandbookCitation, id: string): boolean {
  const key = "thread_id=";
  let at = rest.indexOf(key);
  if (at < 0) return true;
  for (let tried = 0; at >= 0 && tried < MOST_VALUES; tried += 1) {
    const from = at + key.length;
    // An agent may leave out what nobody sees in the id.
    for (const known of [id, id.trim(), readableText(id).trim()]) {
      const end = from + known.length;
      if (rest.startsWith(known, from) && isEnd(rest.slice(end, end + 80))) return true;
    }
    at = rest.indexOf(key, from);
  }
  return false;
}

/** What may follow an id: the end of its brackets, or the next field. */
function isEnd(text: string): boolean {
  return /^[`"'\])>\s.]{0,8}$|^[`"']?[,;)](?:\s|$)/.test(text);
}

function unknownSummary({ line, path }: HandbookCitation, isOld: boolean): Remark {
  // A name from the agent is shown as it could be a file's, and no longer.
  const shown = path.replace(/[^\w./-]/g, "?").slice(0, 100);
  return fault(
    isOld ? "reference_kept" : "unknown_summary",
    `Line ${line} of ${HANDBOOK} cites ${shown}, which is not there.`,
    `Line ${line}: ${shown} does not exist; remove the reference, or name the file that is meant.`,
  );
}

/** The id itself is not told: findings stay when a thread is purged. */
function wrongThread({ line, path }: HandbookCitation): Remark {
  return fault(
    "unknown_thread",
    `Line ${line} of ${HANDBOOK} cites a summary file with a thread id that is not the file's.`,
    `Line ${line}: write the thread_id from the header of ${path}, whole, or leave the id out.`,
  );
}

function taskFaults(groups: readonly HandbookGroup[], base: string): readonly Remark[] {
  const before = new Set(dangling(parseHandbook(base).groups).map(({ text }) => text));
  return dangling(groups).map(({ line, text, missing }) => {
    const names = missing
      .slice(0, 5)
      .map((number) => `[Task ${number}]`)
      .join(", ");
    return fault(
      before.has(text) ? "reference_kept" : "unknown_task",
      `Line ${line} of ${HANDBOOK} refers to ${names}, and its group has no such task.`,
      `Line ${line}: its group has no ${names}. Name the task that the statement comes from; remove the statement if its task is gone.`,
    );
  });
}

/** Statements with a reference to a task that their group does not have. */
function dangling(groups: readonly HandbookGroup[]) {
  return groups.flatMap((group) => {
    const numbers = new Set(group.tasks.map(({ number }) => number));
    return group.statements.flatMap(({ line, text, tasks }) => {
      const missing = tasks.filter((number) => !numbers.has(number));
      return missing.length === 0 ? [] : [{ line, text, missing }];
    });
  });
}

/** Prose may speak of files; a reader who follows a name that leads nowhere loses a step, no more. */
function mentions(path: string, candidate: Candidate): readonly Remark[] {
  const { threadOf } = evidenceOf(candidate.evidence);
  const lines = candidate.text(path)?.split("\n") ?? [];
  const isCitation = new Set(
    path === HANDBOOK
      ? parseHandbook(candidate.text(path) ?? "").groups.flatMap(({ tasks }) =>
          tasks.flatMap(({ citations }) => citations.map(({ line }) => line)),
        )
      : [],
  );
  const numbers = lines.flatMap((line, at) => {
    if (isCitation.has(at + 1)) return [];
    const names = line.match(/\brollout_summaries\/[\w.-]{1,200}\.md\b/g) ?? [];
    return names.some((name) => !threadOf.has(name)) ? [at + 1] : [];
  });
  if (numbers.length === 0) return [];
  const rest = numbers.length > 5 ? ` and ${numbers.length - 5} more` : "";
  const message = `${path} speaks of summary files that are not there, in line ${numbers.slice(0, 5).join(", ")}${rest}.`;
  return [{ finding: { code: "unknown_mention", path, message, repair: null } }];
}

function fault(code: GateCode, message: string, repair: string): Remark {
  return { finding: { code, path: HANDBOOK, message, repair } };
}
