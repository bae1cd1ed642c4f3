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
  report(said: string | AgentReport): void;
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
      await writeProcessRecord(spec.scratch, {
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
    endOrphan: async (scratch) => (await readProcessRecord(scratch)) !== null,
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

  function report(said: string | AgentReport, ofTurn: number): void {
    // A function that went on after its end must not speak into the next turn.
    if (ofTurn !== turn) return;
    const event = typeof said === "string" ? ({ type: "agent.message", text: said } as const) : said;
    if (!isReport(event)) {
      throw new SlowwaveError(
        "agent_bad_report",
        "report() takes a text, or a message, thought, tool or usage event.",
      );
    }
    if (event.type === "agent.usage") use(event.usage);
    else stream.tell(event);
  }

  function use(reported: unknown): void {
    usage = sanitizeUsage(reported, usage);
    stream.tell({ type: "agent.usage", usage });
  }

  async function take(prompt: string): Promise<void> {
    turn += 1;
    const now = turn;
    stream.nextTurn();
    stream.tell({ type: "agent.running" });
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
        report: (said) => report(said, now),
      });
      tellEnd({ type: "agent.completed", message: typeof message === "string" ? message : null });
    } catch (error) {
      tellEnd({
        type: "agent.errored",
        message: causeOf(error) || "the agent function failed without a word",
      });
    }
  }

  function tellEnd(event: AgentEvent): void {
    stream.tell(abort.signal.aborted ? { type: "agent.interrupted" } : event);
  }

  /** Whether the function is over. */
  async function stop(why: string): Promise<boolean> {
    abort.abort(new SlowwaveError("agent_interrupted", why));
    const settled = await settlesWithin(clock, graceMs, work);
    if (!settled) tellEnd({ type: "agent.interrupted" });
    return settled;
  }

  stream.tell({ type: "agent.starting" });
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
    async close() {
      const settled = await stop("The agent was closed.");
      stream.end();
      if (settled) return;
      throw new SlowwaveError(
        "agent_unkillable",
        `The agent function "${spec.agent}" did not heed its abort signal within ${graceMs / 1000} s, and a function can't be ended from outside. Let it stop when \`signal\` is aborted.`,
      );
    },
  };
}

function isReport(event: unknown): event is AgentReport {
  const { type, text, name } = (event ?? {}) as Record<string, unknown>;
  if (type === "agent.usage") return true;
  if (type === "agent.tool") return typeof text === "string" && typeof name === "string";
  return (type === "agent.message" || type === "agent.thought") && typeof text === "string";
}
