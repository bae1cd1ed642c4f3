import type { GateCode } from "../domain/settings.ts";
import { type HandbookGroup, type HandbookTask, parseHandbook } from "../text/handbook.ts";
import { type Check, limited, type Remark } from "./candidate.ts";

const PATH = "MEMORY.md";
const INDEX = "memory_summary.md";

/**
 * The handbook has the shape its readers search in. What stood in the base word for word is not judged again: it may be
 * a person's. What had its shape in the base and lost it in this run goes back to the agent.
 */
export const groupForm: Check = ({ text, base }) => {
  const handbook = text(PATH);
  const before = base.text(PATH) ?? "";
  if (handbook === null || handbook.trim() === "" || handbook === before) return [];
  const [groups, former] = [parseHandbook(handbook).groups, parseHandbook(before).groups];
  if (groups.length === 0) return [noGroup(former.filter(isWhole).length)];
  const known = new Set(former.map((group) => group.text.trim()));
  const fresh = groups.filter((group) => !known.has(group.text.trim()));
  return [
    ...limited(fresh.flatMap(headerFault), 10),
    ...limited(
      fresh.flatMap(({ tasks }) => tasks.flatMap(taskFault)),
      10,
    ),
    ...worse("task groups", "group_header", shares(former, isWhole), shares(groups, isWhole)),
    ...worse("tasks", "task_form", shares(tasksOf(former), isCited), shares(tasksOf(groups), isCited)),
  ];
};

function headerFault(group: HandbookGroup): readonly Remark[] {
  const missing = [
    ...(group.family === "" ? ["a name after `# Task Group:`"] : []),
    ...(group.hasScope ? [] : ["a `scope:` line"]),
    ...(group.cwd !== null ? [] : ["an `applies_to: cwd=…; reuse_rule=…` line"]),
  ];
  return missing.length === 0
    ? []
    : [fault("group_header", group.line, `The task group lacks ${list(missing)}`)];
}

function taskFault(task: HandbookTask): readonly Remark[] {
  const lacks = [
    ...(task.citations.length > 0
      ? []
      : ["`### rollout_summary_files` with a `- rollout_summaries/….md` line"]),
    ...(task.keywords.length > 0 ? [] : ["`### keywords` with one line of words"]),
  ];
  return lacks.length === 0
    ? []
    : [fault("task_form", task.line, `Task ${task.number} lacks ${list(lacks)}`)];
}

function fault(code: GateCode, line: number, what: string): Remark {
  return {
    finding: {
      code,
      path: PATH,
      message: `${what} (${PATH}, line ${line}).`,
      repair: `Line ${line}: ${what.charAt(0).toLowerCase() + what.slice(1)}; add it.`,
    },
  };
}

function noGroup(former: number): Remark {
  const had = former === 0 ? "" : `; the former one had ${former}`;
  return {
    finding: {
      code: former === 0 ? "no_task_group" : "structure_worse",
      path: PATH,
      message: `${PATH} has no task group${had}.`,
      repair: `Give ${PATH} its form${had}: blocks that begin with \`# Task Group: <name>\`, then \`scope:\` and \`applies_to:\`.`,
    },
  };
}

/** How many of some parts have their form, and how many have not. */
interface Shares {
  readonly sound: number;
  readonly faulty: number;
}

function shares<Part>(parts: readonly Part[], isSound: (part: Part) => boolean): Shares {
  const sound = parts.filter(isSound).length;
  return { sound, faulty: parts.length - sound };
}

/** Merging makes fewer parts, and a new one may be badly made; worse is only what did both lose and gain. */
function worse(
  parts: string,
  beside: GateCode,
  before: Shares,
  after: Shares,
  path = PATH,
): readonly Remark[] {
  if (after.faulty <= before.faulty || after.sound >= before.sound) return [];
  const message = `${path} had ${before.sound} ${parts} in their form and now has ${after.sound}; ${after.faulty} are without (see ${beside}).`;
  const repair = `${before.sound} ${parts} of the former ${path} had their form, now ${after.faulty} have lost it: give it back to them.`;
  return [{ finding: { code: "structure_worse", path, message, repair } }];
}

function isWhole(group: HandbookGroup): boolean {
  return headerFault(group).length === 0;
}

function isCited(task: HandbookTask): boolean {
  return taskFault(task).length === 0;
}

function tasksOf(groups: readonly HandbookGroup[]): readonly HandbookTask[] {
  return groups.flatMap(({ tasks }) => tasks);
}

function list(parts: readonly string[]): string {
  return parts.join(" and ");
}

/** Readers load the summary and nothing else: what its words don't lead to is never found. */
export const groupsIndexed: Check = ({ text, base }) => {
  const summary = text(INDEX);
  const handbook = text(PATH);
  if (summary === null || handbook === null) return [];
  const isFound = indexOf(summary);
  const groups = parseHandbook(handbook).groups;
  const wasFound = indexOf(base.text(INDEX) ?? "");
  const former = shares(parseHandbook(base.text(PATH) ?? "").groups, wasFound);
  return [
    ...lostIndex(base.text(INDEX) ?? "", summary),
    ...limited(groups.filter((group) => !isFound(group)).map(notIndexed), 10),
    ...worse("task groups in the index", "group_not_indexed", former, shares(groups, isFound), INDEX),
  ];
};

const INDEX_HEADING = "## What's in Memory";

function lostIndex(before: string, after: string): readonly Remark[] {
  const has = (text: string) => text.split("\n").some((line) => line.trim() === INDEX_HEADING);
  if (!has(before) || has(after)) return [];
  const message = `${INDEX} has lost its index, the section "${INDEX_HEADING}".`;
  const repair = `Write the section \`${INDEX_HEADING}\` of ${INDEX} again: one topic line for each task group.`;
  return [{ finding: { code: "structure_worse", path: INDEX, message, repair } }];
}

function notIndexed({ line }: HandbookGroup): Remark {
  return {
    finding: {
      code: "group_not_indexed",
      path: INDEX,
      message: `The index of ${INDEX} doesn't lead to the task group in line ${line} of ${PATH}.`,
      repair: `The group in line ${line} of ${PATH} is not in the index: add a topic line with its name or some of its keywords under \`## What's in Memory\`.`,
    },
  };
}

/** Whether a summary leads to a group: by its name, folder or a keyword, or by a search that it proposes. */
function indexOf(summary: string): (group: HandbookGroup) => boolean {
  const words = summary.toLowerCase();
  const searches = [...summary.matchAll(/search MEMORY\.md for "([^"\n]{4,200})"/g)].map(
    (match) => match[1] ?? "",
  );
  return ({ family, cwd, tasks, text }) =>
    [family, cwd ?? "", ...tasks.flatMap(({ keywords }) => keywords)].some(
      (name) => name.length >= 2 && words.includes(name.toLowerCase()),
    ) || searches.some((search) => text.includes(search));
}
