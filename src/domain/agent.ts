import type { Observable } from "rxjs";
import type { Clock } from "./clock.ts";

/**
 * The locked-down configuration of one consolidation agent (original, section 5.1).
 * Plain JSON: it is an actor's output and input, so it is persisted.
 */
export interface AgentConfig {
  readonly agent: string;
  readonly model: string | null;
  readonly effort: "low" | "medium" | "high" | null;
  readonly approvals: "never";
  readonly sandbox: "workspace-write";
  /** What is in force. `none`: nobody is reached; `open`: everything is, as where the harness must reach its model. */
  readonly network: "none" | "open";
}

/** Everything an agent is started with. */
export interface AgentSpec extends AgentConfig {
  readonly run: string;
  /** The same for every repetition of one intent; differs between restarts of the agent. */
  readonly key: string;
  /** Absolute path; cwd, and the only writable place. */
  readonly workspace: string;
  /** A private folder of the run outside the workspace, for the record of the process and its stderr. */
  readonly runFolder: string;
  readonly prompt: string;
  readonly limits: AgentLimits;
}

/** Null = unlimited. */
export interface AgentLimits {
  readonly maxSilenceMinutes: number | null;
  readonly maxTurns: number | null;
  readonly maxTokens: number | null;
  readonly maxCostUsd: number | null;
}

/** What an agent says of itself. The last five are final: nothing follows them in one turn. */
export type AgentEvent =
  | { readonly type: "agent.starting" }
  | { readonly type: "agent.running" }
  | { readonly type: "agent.message"; readonly text: string }
  | { readonly type: "agent.thought"; readonly text: string }
  /** `again`: of a call that was told before, how it failed. */
  | { readonly type: "agent.tool"; readonly name: string; readonly text: string; readonly again?: true }
  | { readonly type: "agent.usage"; readonly usage: AgentUsage }
  | { readonly type: "agent.completed"; readonly message: string | null }
  | { readonly type: "agent.errored"; readonly message: string }
  | { readonly type: "agent.interrupted" }
  | { readonly type: "agent.shutdown" }
  | { readonly type: "agent.notFound" };

const FINAL = new Set<AgentEvent["type"]>([
  "agent.completed",
  "agent.errored",
  "agent.interrupted",
  "agent.shutdown",
  "agent.notFound",
]);

/** Whether this event ends a turn. */
export function isFinal(event: AgentEvent): boolean {
  return FINAL.has(event.type);
}

/** Cumulative. `estimated` when the agent did not report and bytes were counted instead. */
export interface AgentUsage {
  readonly turns: number;
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  /** Of the input tokens, those that came from a cache; absent where nothing is reported of it. */
  readonly cachedInputTokens?: number;
  /** Of the output tokens, those that were thought and not said; absent where nothing is reported of it. */
  readonly reasoningOutputTokens?: number;
  readonly costUsd: number | null;
  readonly estimated: boolean;
}

/**
 * A living agent. `events$` replays everything since the start to whoever subscribes, so no status is missed
 * between spawn and subscription; it completes after `close` or when the agent is gone.
 */
export interface AgentHandle {
  readonly id: string;
  /** The agent's own session or thread id, when it has one. */
  readonly threadId: string | null;
  /** What was in force: `none`, `node-permission`, `bubblewrap`, `codex`, … */
  readonly sandbox: string;
  readonly events$: Observable<AgentEvent>;
  /**
   * Milliseconds of the given clock's `monotonicMs` at which its process last wrote anything of the protocol, be it a
   * piece of a message that is told later. Absent: only its events count as signs of life.
   */
  lastActivityMs?(): number;
  /** A further turn in the same session (a repair). Rejects with `agent_single_turn` where there is none. */
  prompt(text: string): Promise<void>;
  /**
   * A word in the middle of a turn: the agent is asked to finish, since little of a budget is left. Absent: it can't be
   * told anything then. Rejects when it could not be told; nothing follows from that.
   */
  steer?(text: string): Promise<void>;
  interrupt(): Promise<void>;
  /**
   * Ends the whole process tree; resolves when nothing of it lives. Does nothing when it is already gone. `graceMs`: the
   * longest time that it is given at each step, to stop by itself and after SIGTERM, before it is killed.
   */
  close(how?: { readonly graceMs?: number }): Promise<void>;
}

/** Starts agents of one kind. */
export interface AgentRunner {
  readonly name: string;
  /** `open` only where the harness itself must reach its model. */
  readonly network: "none" | "open";
  /** Absent = true: model and effort are part of its configuration. */
  readonly usesModel?: boolean;
  /** Absent = false. Where true, `prompt` always rejects, so that a repair turn is not worth asking for. */
  readonly singleTurn?: boolean;
  /**
   * Whether the program that it starts is here: null, or a sentence that says what is missing and what to do. Cheap, for
   * it is asked before anything is claimed. Absent = it needs none.
   */
  findMissing?(): Promise<string | null>;
  /** Whether the agent can be kept in its workspace here; tried, not assumed. Absent = it says so at spawn. */
  probe?(): Promise<AgentProbe>;
  /**
   * Rejects with a reason when the agent cannot be started; nothing is left running then. `signal`: it is not wanted any
   * more, and a start that waits for an answer is given up at once.
   */
  spawn(spec: AgentSpec, clock: Clock, signal?: AbortSignal): Promise<AgentHandle>;
  /**
   * Ends whatever an earlier process left running under this folder of a run (the engine was killed).
   * Returns whether an agent had been started there, alive or not: its workspace can't be trusted then.
   * May be repeated; rejects with `agent_unkillable` when something of it still lives.
   */
  endOrphan(runFolder: string, clock: Clock): Promise<boolean>;
}

/**
 * `version`: of the program behind it. `network`: what the sandbox found here leaves open, where that differs from the
 * runner's own. `missing`: a sentence that says what is not there and what to do.
 */
export type AgentProbe =
  | { readonly sandbox: string; readonly version?: string; readonly network?: "none" | "open" }
  | { readonly missing: string };
