import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { AgentEvent, AgentHandle, AgentRunner, AgentSpec, AgentUsage } from "../domain/agent.ts";
import { type Clock, settlesWithin } from "../domain/clock.ts";
import { causeOf, SlowwaveError } from "../domain/failure.ts";
import { sanitizeUsage } from "../domain/usage.ts";
import { readProcessRecord, writeProcessRecord } from "../process/process-record.ts";
import { agentStream } from "./agent-stream.ts";

/** A host's own consolidator. A text it returns is the closing message; what it throws is the cause. */
export type AgentFunction = (task: AgentTask) => unknown;

export interface AgentTask {
  /** Absolute path; the memory is to be written here. */
  readonly workspace: string;
  /** What is asked for; in a repair turn, what is to be mended. */
  readonly prompt: string;
  readonly model: string | null;
  /** 1 for the first turn, one more with each repair. */
  readonly turn: number;
  /** Aborted when the agent must stop. A function that goes on regardless can't be ended. */
  readonly signal: AbortSignal;
  /** Aborted when little of a budget is left: time to finish. Its reason says of which. Nothing is lost yet. */
  readonly finish: AbortSignal;
  /** A line of text, or one of these events; ignored once the turn is over. */
  report(line: string | AgentReport): void;
}

export type AgentReport = Extract<
  AgentEvent,
  { type: "agent.message" | "agent.thought" | "agent.tool" | "agent.usage" }
>;

export interface FunctionAgentOptions {
  readonly name?: string;
  /** What to call its use of the network; a function can't be denied it. */
  readonly network?: "none" | "open";
  /** How long `close` and `interrupt` wait for the function to heed its signal. */
  readonly graceMs?: number;
}

const GRACE_MS = 5_000;

/**
 * An agent that is a function of the host: in its process, with its rights, without a sandbox.
 * A repair turn calls it again with what is to be mended.
 *
 * @example
 * ```ts
 * const agent = functionAgent(async ({ workspace, prompt, signal, report }) => {
 *   const { handbook, summary } = await askMyModel(prompt, { workspace, signal });
 *   report({ type: "agent.usage", usage: { turns: 1, inputTokens: 1_200, outputTokens: 300, costUsd: null, estimated: false } });
 *   await writeFile(join(workspace, "MEMORY.md"), handbook);
 *   await writeFile(join(workspace, "memory_summary.md"), summary);
 *   return "done";
 * });
 * ```
 */
export function functionAgent(fn: AgentFunction, options: FunctionAgentOptions = {}): AgentRunner {
  const { name = "function", network = "open", graceMs = GRACE_MS } = options;
  return {
    name,
    network,
    async spawn(spec, clock) {
      // So that another process knows that this workspace has been worked in.
      await writeProcessRecord(spec.runFolder, {
        version: 1,
        key: spec.key,
        agent: name,
        atMs: clock.nowMs(),
        reach: "in-process",
        process: null,
        revoked: false,
      });
      return startFunction(fn, spec, clock, graceMs);
    },
    endOrphan: async (runFolder) => (await readProcessRecord(runFolder)) !== null,
  };
}

function startFunction(fn: AgentFunction, spec: AgentSpec, clock: Clock, graceMs: number): AgentHandle {
  const stream = agentStream();
  const abort = new AbortController();
  // Asked once, it holds for the turns after it, too.
  const finish = new AbortController();
  let usage: AgentUsage | null = null;
  let turn = 0;
  let work: Promise<void> = Promise.resolve();

  function report(line: string | AgentReport, ofTurn: number): void {
    // A function that went on after its end must not speak into the next turn.
    if (ofTurn !== turn) return;
    const event = typeof line === "string" ? ({ type: "agent.message", text: line } as const) : line;
    if (!isReport(event)) {
      throw new SlowwaveError(
        "agent_bad_report",
        "report() takes a text, or a message, thought, tool or usage event.",
      );
    }
    if (event.type === "agent.usage") use(event.usage);
    else stream.emit(event);
  }

  function use(reported: unknown): void {
    usage = sanitizeUsage(reported, usage);
    stream.emit({ type: "agent.usage", usage });
  }

  async function take(prompt: string): Promise<void> {
    turn += 1;
    const now = turn;
    stream.nextTurn();
    stream.emit({ type: "agent.running" });
    use({ turns: turn });
    try {
      const { workspace, model } = spec;
      const { signal } = abort;
      const message = await fn({
        workspace,
        prompt,
        model,
        turn: now,
        signal,
        finish: finish.signal,
        report: (line) => report(line, now),
      });
      emitEnd({ type: "agent.completed", message: typeof message === "string" ? message : null });
    } catch (error) {
      emitEnd({
        type: "agent.errored",
        message: causeOf(error) || "the agent function failed without a word",
      });
    }
  }

  function emitEnd(event: AgentEvent): void {
    stream.emit(abort.signal.aborted ? { type: "agent.interrupted" } : event);
  }

  /** Whether the function is over. */
  async function stop(why: string, waitMs = graceMs): Promise<boolean> {
    abort.abort(new SlowwaveError("agent_interrupted", why));
    const hasEnded = await settlesWithin(clock, waitMs, work);
    if (!hasEnded) emitEnd({ type: "agent.interrupted" });
    return hasEnded;
  }

  stream.emit({ type: "agent.starting" });
  // The handle first: whoever started it must be able to stop what the function does in its first step.
  work = Promise.resolve().then(() => take(spec.prompt));
  return {
    id: spec.key,
    threadId: null,
    sandbox: "none",
    events$: stream.events$,
    async prompt(text) {
      if (abort.signal.aborted) throw new SlowwaveError("agent_closed", "The agent has been stopped.");
      if (stream.isOpen()) throw new SlowwaveError("agent_busy", "The agent is still in its turn.");
      work = take(text);
    },
    async steer(text) {
      finish.abort(new SlowwaveError("budget_near", text));
    },
    async interrupt() {
      if (stream.isOpen()) await stop("The turn was interrupted.");
    },
    async close({ graceMs: mostMs = graceMs } = {}) {
      const waitMs = Math.min(graceMs, mostMs);
      const hasEnded = await stop("The agent was closed.", waitMs);
      stream.end();
      if (!hasEnded) throw unheeded(spec.agent, waitMs);
    },
  };
}

function unheeded(agent: string, ms: number): SlowwaveError {
  return new SlowwaveError(
    "agent_unkillable",
    `The agent function "${agent}" did not heed its abort signal within ${ms / 1000} s, and a function can't be ended from outside. Let it stop when \`signal\` is aborted.`,
  );
}

function isReport(event: unknown): event is AgentReport {
  const { type, text, name } = (event ?? {}) as Record<string, unknown>;
  if (type === "agent.usage") return true;
  if (type === "agent.tool") return typeof text === "string" && typeof name === "string";
  return (type === "agent.message" || type === "agent.thought") && typeof text === "string";
}

/** One session that a memory is made from, as the workspace holds it. */
export interface SessionSummary {
  /** Name of its file in `rollout_summaries/`, by which a task names it. */
  readonly file: string;
  readonly threadId: string;
  /** RFC 3339, as in the file. */
  readonly updatedAt: string;
  /** The folder that the session worked in; empty when it is not known. */
  readonly cwd: string;
  /** The summary itself, without its head. */
  readonly text: string;
}

/** One thing worth knowing, as one line. */
export interface MemoryStatement {
  readonly text: string;
  /** Numbers of the tasks of its group that it comes from, from 1 on; absent: all of them. */
  readonly tasks?: readonly number[];
}

export interface MemoryTask {
  readonly title: string;
  /** Names of files in `rollout_summaries/`; at least one. */
  readonly summaries: readonly string[];
  readonly keywords?: readonly string[];
}

/** Tasks that belong together: of one project, say. */
export interface MemoryGroup {
  /** Unique in the memory. */
  readonly name: string;
  /** What the group is about, as one line. */
  readonly scope: string;
  /** Where it applies; absent: everywhere. */
  readonly cwd?: string;
  readonly tasks: readonly MemoryTask[];
  /** What the user wants. */
  readonly preferences?: readonly MemoryStatement[];
  /** What holds and can be used again. */
  readonly knowledge?: readonly MemoryStatement[];
}

/**
 * The sessions in a workspace, by file name.
 *
 * @example
 * ```ts
 * const sessions = await readSummaries(workspace);
 * const byFolder = Map.groupBy(sessions, ({ cwd }) => cwd);
 * ```
 */
export async function readSummaries(workspace: string): Promise<readonly SessionSummary[]> {
  const folder = join(workspace, "rollout_summaries");
  const names = (await readdir(folder)).filter((name) => name.endsWith(".md")).sort();
  return Promise.all(
    names.map(async (file) => parseSummary(file, await readFile(join(folder, file), "utf8"))),
  );
}

/**
 * Writes `MEMORY.md` and `memory_summary.md` of a workspace in the format that the gate demands
 * (`docs/memory-format.md`). Replaces both, so carry over what the memory held before. White space in a text is
 * written as one space. Rejects when a group has no task, or a task no summary.
 *
 * @example
 * ```ts
 * const agent = functionAgent(async ({ workspace }) => {
 *   const sessions = await readSummaries(workspace);
 *   await writeMemory(workspace, [
 *     {
 *       name: "shop",
 *       scope: "work on the shop",
 *       tasks: [{ title: "whatever was done", summaries: sessions.map(({ file }) => file) }],
 *       preferences: [{ text: "keep answers short" }],
 *     },
 *   ]);
 * });
 * ```
 */
export async function writeMemory(workspace: string, groups: readonly MemoryGroup[]): Promise<void> {
  await writeFile(join(workspace, "MEMORY.md"), groups.map(formatGroup).join("\n"));
  await writeFile(join(workspace, "memory_summary.md"), formatIndex(groups));
}

function parseSummary(file: string, text: string): SessionSummary {
  const end = text.indexOf("\n\n");
  const head = end < 0 ? text : text.slice(0, end);
  const headOf = (name: string) => new RegExp(`^${name}: ?(.*)$`, "m").exec(head)?.[1] ?? "";
  return {
    file,
    threadId: headOf("thread_id"),
    updatedAt: headOf("updated_at"),
    cwd: headOf("cwd"),
    text: end < 0 ? "" : text.slice(end + 2),
  };
}

function formatGroup(group: MemoryGroup): string {
  const { name, scope, cwd, tasks, preferences = [], knowledge = [] } = group;
  if (tasks.length === 0) throw new TypeError(`The group "${name}" has no task.`);
  const reuse =
    cwd === undefined || cwd === "" ? "reuse_rule=safe anywhere" : "reuse_rule=safe in this checkout";
  const statements = (title: string, all: readonly MemoryStatement[]) =>
    all.length === 0 ? [] : ["", `## ${title}`, ...all.map((statement) => formatStatement(statement, group))];
  const lines = [
    `# Task Group: ${oneLine(name)}`,
    `scope: ${oneLine(scope)}`,
    `applies_to: cwd=${cwd === undefined || cwd === "" ? "any" : oneLine(cwd)}; ${reuse}`,
    ...tasks.flatMap((task, at) => formatTask(task, at + 1, group)),
    ...statements("User preferences", preferences),
    ...statements("Reusable knowledge", knowledge),
  ];
  return `${lines.join("\n")}\n`;
}

function formatTask({ title, summaries, keywords = [] }: MemoryTask, number: number, group: MemoryGroup) {
  if (summaries.length === 0) throw new TypeError(`The task "${title}" names no summary.`);
  const where = group.cwd === undefined || group.cwd === "" ? "" : ` (cwd=${oneLine(group.cwd)})`;
  return [
    "",
    `## Task ${number}: ${oneLine(title)}`,
    "### rollout_summary_files",
    ...summaries.map((file) => `- rollout_summaries/${file}${where}`),
    "### keywords",
    `- ${(keywords.length === 0 ? [group.name] : keywords).map(oneLine).join(", ")}`,
  ];
}

function formatStatement({ text, tasks }: MemoryStatement, group: MemoryGroup): string {
  const numbers = tasks ?? group.tasks.map((_, at) => at + 1);
  return `- ${oneLine(text)} ${numbers.map((number) => `[Task ${number}]`).join("")}`;
}

/** What every session loads: the preferences, and which groups there are. */
function formatIndex(groups: readonly MemoryGroup[]): string {
  const preferences = [
    ...new Set(groups.flatMap((group) => (group.preferences ?? []).map(({ text }) => oneLine(text)))),
  ];
  const lines = [
    "v1",
    ...(preferences.length === 0
      ? []
      : ["", "## User preferences", ...preferences.map((text) => `- ${text}`)]),
    "",
    "## What's in Memory",
    ...groups.map(({ name, scope }) => `- ${oneLine(name)}: ${oneLine(scope)}`),
  ];
  return `${lines.join("\n")}\n`;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}
