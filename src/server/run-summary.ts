import type { Store } from "../domain/ports.ts";
import type { RunRecord, RunTally } from "../domain/run.ts";
import {
  describeState,
  lineOfStatus,
  type Outcome,
  outcomeOf,
  type Status,
  statusesWith,
} from "../domain/status.ts";
import { dotted } from "../internal/machine.ts";
import type { Phase2Context } from "../internal/runs.ts";
import type { RunSummary, RunsAnswer } from "./api.ts";
import { parsed } from "./event-view.ts";

export interface RunsQuery {
  readonly space?: string | undefined;
  readonly outcome?: Outcome | "active" | undefined;
  /** The last id of the previous page. */
  readonly before?: string | undefined;
  readonly limit: number;
}

export async function listRuns(
  runs: Pick<Store["runs"], "list" | "tally">,
  { outcome, limit, space, before }: RunsQuery,
): Promise<RunsAnswer> {
  const where = { ...(space === undefined ? {} : { space }), ...(before === undefined ? {} : { before }) };
  const kind =
    outcome === undefined
      ? {}
      : outcome === "active"
        ? { state: outcome }
        : { statuses: statusesOf(outcome) };
  // One more than asked for tells whether there is a next page.
  const found = await runs.list({ ...where, ...kind, limit: limit + 1 });
  const page = found.slice(0, limit);
  const tallies = await runs.tally(space === undefined ? {} : { space });
  return {
    runs: page.map(summaryOf),
    counts: countsOf(tallies),
    nextBefore: found.length > limit ? (page.at(-1)?.id ?? null) : null,
  };
}

function countsOf(tallies: readonly RunTally[]): RunsAnswer["counts"] {
  const counts = { active: 0, succeeded: 0, skipped: 0, failed: 0, cancelled: 0 };
  for (const { state, status, count } of tallies) {
    if (state === "active") counts.active += count;
    else if (state === "parked") counts.failed += count;
    else counts[outcomeOf((status ?? "failed_agent") as Status)] += count;
  }
  return counts;
}

export function summaryOf(record: RunRecord): RunSummary {
  const { value, context } = snapshotOf(record);
  const status = statusOf(record, context);
  return {
    id: record.id,
    space: record.space,
    state: record.state,
    value,
    outcome: status === null ? null : outcomeOf(status),
    status,
    line: lineOf(record, value, context),
    inputs: context.inputs ?? null,
    createdAtMs: record.createdAtMs,
    updatedAtMs: record.updatedAtMs,
    cancelRequestedAtMs: record.cancelRequestedAtMs,
  };
}

/** A snapshot of another version may lack any of it. */
export function snapshotOf({ snapshot }: Pick<RunRecord, "snapshot">): {
  readonly value: string;
  readonly context: Partial<Phase2Context>;
} {
  const { value, context } = (parsed(snapshot) ?? {}) as {
    value?: unknown;
    context?: Partial<Phase2Context>;
  };
  return { value: value === undefined ? "unknown" : dotted(value), context: context ?? {} };
}

const LINE_LENGTH = 200;

/** What it is doing, or why it ended so, in one bounded line. Causes are untrusted text. */
export function lineOf(record: RunRecord, value: string, context: Partial<Phase2Context>): string {
  if (record.state === "active") {
    if (record.cancelRequestedAtMs !== null) return "asked to cancel";
    return describeState(value)?.doing ?? value;
  }
  const status = statusOf(record, context) ?? "failed_agent";
  if (status === "succeeded") return memories(context.inputs ?? 0);
  const cause = record.parked ?? context.cause ?? null;
  const isCauseShown = cause !== null && ["failed", "skipped"].includes(outcomeOf(status));
  const line = isCauseShown ? `${lineOfStatus(status)}: ${cause}` : lineOfStatus(status);
  return line.length > LINE_LENGTH ? `${line.slice(0, LINE_LENGTH - 1)}…` : line;
}

/** Null while it is unfinished. A stored run that ended without a status ended in an error of the machine. */
export function statusOf(record: RunRecord, context: Partial<Phase2Context>): Status | null {
  if (record.state === "active") return null;
  if (record.state === "parked") return "parked_unknown_version";
  return context.status ?? "failed_agent";
}

/** What to ask the store for to find the runs of this outcome. */
export function statusesOf(outcome: Outcome): readonly (Status | null)[] {
  const known = statusesWith(outcome);
  return outcome === "failed" ? [...known, null] : known;
}

function memories(count: number): string {
  return count === 1 ? "1 memory" : `${count} memories`;
}
