import type { BudgetUse } from "./budget.ts";
import type { Reason } from "./failure.ts";
import type { FileChanges, Finding } from "./generation.ts";
import type { Outcome, Status } from "./status.ts";

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
