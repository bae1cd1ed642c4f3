import type { RunRecord } from "../domain/run.ts";
import {
  describeState,
  lineOfStatus,
  type Outcome,
  outcomeOf,
  type Status,
  statusesWith,
} from "../domain/status.ts";
import type { Phase2Context } from "../internal/runs.ts";

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
