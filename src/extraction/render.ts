import { readableText } from "../text/sanitize.ts";
import type { RunCommand } from "./commands.ts";
import { type NotedSession, shorten } from "./evidence.ts";
import { isSound } from "./sentences.ts";
import type { Repair, Task } from "./tasks.ts";

/** As Codex keeps a recap. */
const SUMMARY_BYTES = 9_000;
const MEMORY_BYTES = 32_000;
const MOST_SENTENCES = 12;
const MOST_CLAIMS = 16;
const MOST_LINES = 24;
const MOST_COMMANDS = 6;
const MOST_FILES = 12;

const TITLES = { claude: "Claude Code", codex: "Codex", gemini: "Gemini CLI", opencode: "OpenCode" } as const;

/** The note itself, in the layout that agents of phase 2 know: a head, and for each task what was learned. */
export function rawMemory(session: NotedSession, tasks: readonly Task[]): string {
  const keywords = [...new Set(tasks.flatMap(keywordsOf))].slice(0, 10);
  const head = [
    "---",
    `description: ${inHead(tasks.map(({ title }) => title).join("; "))}`,
    `task_outcome: ${outcomeOf(tasks.at(-1))}`,
    ...(session.cwd === null ? [] : [`cwd: ${inHead(session.cwd)}`]),
    ...(keywords.length === 0 ? [] : [`keywords: ${inHead(keywords.join(", "))}`]),
    "---",
  ];
  const body = tasks.map((task, at) =>
    [`### Task ${at + 1}: ${task.title}`, ...sectionsOf(task, session)].join("\n\n"),
  );
  return `${shorten([head.join("\n"), ...body].join("\n\n"), MEMORY_BYTES)}\n`;
}

function sectionsOf(task: Task, session: NotedSession): readonly string[] {
  const general = task.sentences.filter(({ scope }) => scope === "general");
  const open = task.sentences.filter(({ scope }) => scope === "open");
  const statements = task.sentences.filter(({ isStatement }) => isStatement);
  return [
    section(
      "Preference signals",
      general.map(({ text }) => bulletText(text)),
    ),
    // What one session asked for is not what a person always wants: it counts when other sessions say it, too.
    section(
      "Requests",
      open.map(({ text }) => bulletText(text)),
    ),
    section("Reusable knowledge", [
      ...statements.map(({ text }) => bulletText(text)),
      ...workingCommands(task).map((command) => `\`${command}\` passes.`),
      ...task.claims.slice(-MOST_CLAIMS).map((claim) => `the assistant reported: ${claim}`),
    ]),
    section(
      "Failures and how to do differently",
      task.repairs.map((repair) => repairLine(repair, session)),
    ),
    section("References", [
      ...unique(task.commands.map(({ core }) => `\`${core}\``)),
      ...(task.files.length === 0 ? [] : [`files edited: ${filesLine(task, session)}`]),
    ]),
  ].filter((text) => text !== "");
}

/** A recap of the session for whoever follows a reference to it. */
export function rolloutSummary(session: NotedSession, tasks: readonly Task[]): string {
  const turns = tasks.reduce((sum, task) => sum + task.turns.length, 0);
  const context = [
    `${TITLES[session.agent]}${session.version === null ? "" : ` ${session.version}`}`,
    ...(session.headless === true ? ["run by a program"] : []),
    ...(session.branch === null ? [] : [`branch ${session.branch}`]),
    `${turns} ${turns === 1 ? "turn" : "turns"} of the user`,
  ];
  const parts = tasks.map((task, at) =>
    [
      `## Task ${at + 1}: ${task.title}`,
      section(
        "Requests",
        task.turns.map(({ text }) => requestLine(text)).filter((line) => line !== ""),
      ),
      section("Key steps", task.commands.slice(-MOST_SENTENCES).map(stepLine)),
      section(
        "Failures seen",
        task.repairs.map((repair) => repairLine(repair, session)),
      ),
      task.files.length === 0 ? "" : `Files edited: ${filesLine(task, session)}`,
      `Outcome: ${outcomeOf(task)}`,
      task.answer === null || !isSound(task.answer.text)
        ? ""
        : `Final message, as the assistant reported it: ${oneLine(shorten(task.answer.text, 900))}`,
    ]
      .filter((text) => text !== "")
      .join("\n\n"),
  );
  const text = [
    `# ${tasks[0]?.title ?? "Session"}`,
    `Rollout context: ${inHead(context.join(", "))}.`,
    ...parts,
  ].join("\n\n");
  return `${shorten(text, SUMMARY_BYTES - 1)}\n`;
}

function section(title: string, lines: readonly string[]): string {
  const kept = unique(lines).slice(0, MOST_LINES);
  return kept.length === 0 ? "" : `${title}:\n${kept.map((line) => `- ${line}`).join("\n")}`;
}

function unique(lines: readonly string[]): readonly string[] {
  return [...new Set(lines)];
}

function bulletText(text: string): string {
  return text.includes('"') ? `the user said: “${text}”` : `the user said: "${text}"`;
}

function requestLine(text: string): string {
  const line = oneLine(shorten(text, 400));
  return isSound(line) ? `"${line}"` : "";
}

/** Commands that were run again and passed when they were last seen, the most used first. Once is chance. */
function workingCommands({ commands }: Task): readonly string[] {
  const uses = new Map<string, { count: number; last: RunCommand }>();
  for (const command of commands.filter(({ ok }) => ok !== null))
    uses.set(command.core, { count: (uses.get(command.core)?.count ?? 0) + 1, last: command });
  return [...uses.values()]
    .filter(({ count, last }) => count > 1 && last.ok === true)
    .sort((a, b) => b.count - a.count)
    .slice(0, MOST_COMMANDS)
    .map(({ last }) => last.core);
}

function stepLine({ core, ok }: RunCommand): string {
  return `\`${core}\`: ${ok === null ? "outcome unknown" : ok ? "passed" : "failed"}`;
}

function repairLine({ failed, files, steps }: Repair, session: NotedSession): string {
  const error =
    failed.error !== null && isSound(failed.error) ? ` (output: \`${oneLine(failed.error)}\`)` : "";
  const changes = [
    ...(files.length === 0
      ? []
      : [
          `a change to ${files
            .slice(0, 3)
            .map((path) => `\`${within(path, session)}\``)
            .join(", ")}`,
        ]),
    ...steps.slice(0, 2).map((step) => `\`${step}\``),
  ];
  const fix =
    changes.length === 0 ? "it passed when it was run again" : `fix: ${changes.join(", ")}; then it passed`;
  return `\`${failed.core}\` failed${error} -> ${fix}.`;
}

function filesLine({ files }: Task, session: NotedSession): string {
  const shown = files.slice(0, MOST_FILES).map((path) => within(path, session));
  return `${shown.join(", ")}${files.length > shown.length ? ` and ${files.length - shown.length} more` : ""}`;
}

/** A path as it is named inside the project. */
function within(path: string, { cwd }: NotedSession): string {
  const folder = cwd === null ? null : cwd.replace(/[/\\]+$/, "");
  const isInside =
    folder !== null && folder !== "" && (path.startsWith(`${folder}/`) || path.startsWith(`${folder}\\`));
  return oneLine(isInside ? path.slice(folder.length + 1) : path).replaceAll("`", "'");
}

/** How a task ended, as far as the last command with a known result tells. */
function outcomeOf(task: Task | undefined): "success" | "failure" | "uncertain" {
  const last = task?.commands.findLast(({ ok }) => ok !== null);
  return last === undefined ? "uncertain" : last.ok === true ? "success" : "failure";
}

function keywordsOf({ files, commands }: Task): readonly string[] {
  const names = files.map((path) => path.split(/[/\\]/).at(-1) ?? "");
  return [
    ...names.slice(0, 6),
    ...commands.slice(0, 4).map(({ core }) => core.split(" ").slice(0, 2).join(" ")),
  ].filter((word) => /^[\w@.: -]{2,60}$/.test(word));
}

function inHead(text: string): string {
  return oneLine(text).slice(0, 300);
}

function oneLine(text: string): string {
  return readableText(text).replace(/\s+/g, " ").trim();
}
