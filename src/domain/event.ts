import type { AgentUsage } from "./agent.ts";
import type { BudgetUse, Used } from "./budget.ts";
import type { Finding } from "./generation.ts";
import type { RunResult } from "./result.ts";
import type { PassingStatus, Status } from "./status.ts";

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
