import { contextOf, type RunRecord } from "../domain/run.ts";
import { type Outcome, outcomeOf, type Status } from "../domain/status.ts";

/** One run in a list. */
export interface RunSummary {
  readonly run: string;
  readonly space: string;
  readonly outcome: Outcome | "running" | "unfinished";
  /** Null while it has none. */
  readonly status: Status | null;
  readonly inputs: number;
  /** It published nothing, whatever its status says. */
  readonly dryRun: boolean;
  readonly startedAt: string;
  /** Null while it is unfinished. */
  readonly finishedAt: string | null;
}

/** Read from the record alone; `isAlive` tells a run at work from one that was left. */
export function summaryOf(record: RunRecord, isAlive: boolean): RunSummary {
  const { status, inputs, dryRun } = contextOf(record) as Summarised;
  const known = record.state === "parked" ? "parked_unknown_version" : (status ?? "failed_agent");
  const isOver = record.state !== "active";
  return {
    run: record.id,
    space: record.space,
    outcome: isOver ? outcomeOf(known) : isAlive ? "running" : "unfinished",
    status: isOver ? known : null,
    inputs: inputs ?? 0,
    dryRun: dryRun ?? false,
    startedAt: new Date(record.createdAtMs).toISOString(),
    finishedAt: isOver ? new Date(record.updatedAtMs).toISOString() : null,
  };
}

interface Summarised {
  readonly status?: Status | null;
  readonly inputs?: number | null;
  readonly dryRun?: boolean;
}
