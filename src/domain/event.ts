import type { AgentUsage } from "./agent.ts";
import type { Reason } from "./failure.ts";
import type { FileChanges, Finding } from "./generation.ts";
import type { Outcome } from "./job.ts";
import type { PassingStatus, Status } from "./status.ts";
import type { BudgetUse, Used } from "./usage.ts";

/**
 * What observers hear of a run, by type. Each is sent after the write it describes.
 * `run.events$`, `engine.events$`, the progress in the terminal and the metrics hang off this one map.
 */
export interface RunEventMap {
  /** The run exists; `adopted` when an earlier process began it. `state`: where it stands, dotted. */
  "run.started": { readonly adopted: boolean; readonly state: string };
  /** The machine entered a state (dotted). */
  "state.entered": { readonly state: string; readonly sequence: number; readonly event: string };
  /** The original's progress texts, without its prefix. */
  progress: { readonly text: string };
  /** What the metric `codex.memory.phase2` counts. */
  "status.counted": { readonly status: Status | PassingStatus };
  /** How many stage-1 outputs this run consolidates; only if more than none. */
  "inputs.counted": { readonly inputs: number };
  /** A good heartbeat. */
  "lease.renewed": { readonly leaseSeconds: number };
  "agent.message": { readonly text: string };
  "agent.thought": { readonly text: string };
  "agent.tool": { readonly name: string; readonly text: string };
  "agent.usage": { readonly usage: AgentUsage };
  /** 80 % of a budget is used; told once for each. `asked`: the agent could be asked to finish. */
  "budget.near": { readonly budget: BudgetUse; readonly asked: boolean; readonly text: string };
  "gate.finding": { readonly finding: Finding };
  /** The last one; the stream completes after it. */
  "run.finished": { readonly result: RunResult };
}

/** Those that an actor of the run observes on the way. */
type ObservedEvent =
  | "lease.renewed"
  | "agent.message"
  | "agent.thought"
  | "agent.tool"
  | "agent.usage"
  | "budget.near";

/**
 * What the actors of a run add to its log, by type. Observers hear of all but the last two, as of the event of the same
 * name, once it is in the log; a finding is the event's one field.
 */
export interface ObservationMap extends Pick<RunEventMap, ObservedEvent> {
  "gate.finding": Finding;
  /** What the agent has used so far; a run that is taken over goes on from there. */
  "budget.used": { readonly used: Used };
  /** The lease could not be prolonged while the agent ended. */
  "lease.unrenewed": { readonly why: string };
}

export type RunEvent = {
  [Type in keyof RunEventMap]: {
    readonly type: Type;
    readonly run: string;
    readonly space: string;
    readonly atMs: number;
  } & RunEventMap[Type];
}[keyof RunEventMap];

/** What a run came to: `slowwave run --json`, and `await run.result`. Times are RFC 3339. */
export interface RunResult {
  readonly run: string;
  readonly space: string;
  readonly outcome: Outcome;
  readonly status: Status;
  /** Null on success. */
  readonly reason: (Omit<Reason, "code"> & { readonly code: Status }) | null;
  readonly inputs: number;
  /** Unix seconds; null when nothing was claimed. */
  readonly claimedWatermark: number | null;
  readonly completionWatermark: number | null;
  readonly generation: string | null;
  readonly files: FileChanges;
  /** Only of a dry run: what `apply` takes, and what it would change. Null: it ended before there was anything. */
  readonly dryRun?: DryRun | null;
  /** Null when no agent was started. */
  readonly agent: AgentReport | null;
  /** How much of each limit was used. Tokens that nobody reported are estimated and say so. Empty when nothing was claimed. */
  readonly budget: readonly BudgetUse[];
  readonly findings: readonly Finding[];
  readonly states: readonly StateSpan[];
  readonly startedAt: string;
  readonly finishedAt: string;
}

export interface DryRun {
  readonly hash: string;
  /** Unified, bounded; its last line says what was cut. Empty when nothing would change. */
  readonly diff: string;
}

export interface AgentReport {
  readonly name: string;
  readonly threadId: string | null;
  readonly status: string;
  /** What was in force, by name; `none` when nothing was. */
  readonly sandbox: string;
  /** `open`: the agent's process could reach the network, if only for its model. */
  readonly network: "none" | "open";
  readonly turns: number;
  /** `cachedInput` of the input and `reasoningOutput` of the output, where the agent reports them. */
  readonly tokens: {
    readonly input: number | null;
    readonly output: number | null;
    readonly cachedInput?: number;
    readonly reasoningOutput?: number;
  };
  readonly costUsd: number | null;
  readonly estimated: boolean;
}

/** `state` is dotted, e.g. `syncing.rawMemories`; `ms` is the time spent in it. */
export interface StateSpan {
  readonly state: string;
  readonly enteredAt: string;
  readonly ms: number;
}
