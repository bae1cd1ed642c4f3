import type { GateCode } from "../domain/gate.ts";
import { type Check, type Remark, told } from "./check.ts";
import { type GroupPart, groupsIn } from "./handbook-parts.ts";

const PATH = "MEMORY.md";

/** The handbook has the shape its readers search in. What stood in the base word for word is not judged again: it may be a person's. */
export const groupForm: Check = ({ text, base }) => {
  const handbook = text(PATH);
  const before = base.text(PATH) ?? "";
  if (handbook === null || handbook.trim() === "" || handbook === before) return [];
  const groups = groupsIn(handbook);
  if (groups.length === 0) return [noGroup()];
  const known = new Set(groupsIn(before).map((group) => group.text.trim()));
  return told(groups.filter((group) => !known.has(group.text.trim())).flatMap(faultsOf));
};

function faultsOf(group: GroupPart): readonly Remark[] {
  const missing = [
    ...(group.family === "" ? ["a name after `# Task Group:`"] : []),
    ...(group.scope ? [] : ["a `scope:` line"]),
    ...(group.cwd !== null ? [] : ["an `applies_to: cwd=…; reuse_rule=…` line"]),
  ];
  const header =
    missing.length === 0 ? [] : [fault("group_header", group.line, `The task group lacks ${list(missing)}`)];
  const tasks = group.tasks.flatMap((task) => {
    const lacks = [
      ...(task.citations.length > 0
        ? []
        : ["`### rollout_summary_files` with a `- rollout_summaries/….md` line"]),
      ...(task.keywords.length > 0 ? [] : ["`### keywords` with one line of words"]),
    ];
    return lacks.length === 0
      ? []
      : [fault("task_form", task.line, `Task ${task.number} lacks ${list(lacks)}`)];
  });
  return [...header, ...tasks];
}

function fault(code: GateCode, line: number, what: string): Remark {
  const message = `${what} (${PATH}, line ${line}).`;
  return {
    finding: {
      code,
      path: PATH,
      message,
      repair: `Line ${line}: ${what.charAt(0).toLowerCase() + what.slice(1)}; add it.`,
    },
  };
}

function noGroup(): Remark {
  return {
    finding: {
      code: "no_task_group",
      path: PATH,
      message: `${PATH} has no task group.`,
      repair: `Give ${PATH} its form: blocks that begin with \`# Task Group: <name>\`, then \`scope:\` and \`applies_to:\`.`,
    },
  };
}

function list(parts: readonly string[]): string {
  return parts.join(" and ");
}
