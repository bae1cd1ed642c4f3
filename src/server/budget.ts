import { budgetsOf, NOTHING_USED } from "../domain/budget.ts";
import type { LogRow, RunRecord } from "../domain/run.ts";
import type { Phase2Context } from "../machines/words.ts";
import { usedIn } from "../services/agents/used.ts";
import type { BudgetMeter } from "./api.ts";

/** How much of each limit a run has used: by now while it lives, by its end afterwards. `log` is its newest part. */
export function budgetOf(
  record: RunRecord,
  { value, context }: { readonly value: string; readonly context: Partial<Phase2Context> },
  log: readonly LogRow[],
  nowMs: number,
): readonly BudgetMeter[] {
  const { settings } = context;
  if (settings === undefined) return [];
  const isOver = record.state !== "active";
  const turns = context.agent == null ? 0 : 1 + (context.repairs ?? 0);
  const used = usedOf(log) ?? { ...NOTHING_USED, turns };
  const spent = {
    minutes: minutes((isOver ? record.updatedAtMs : nowMs) - record.createdAtMs),
    silence: !isOver && value === "supervising" ? minutes(nowMs - lastWordAtMs(record, log)) : 0,
  };
  return budgetsOf(used, settings, spent);
}

/** Notes of another version may read otherwise. */
function usedOf(log: readonly LogRow[]) {
  try {
    return usedIn(log);
  } catch {
    return null;
  }
}

/** The agent's last word, or the machine's last step, which brought us here. */
function lastWordAtMs(record: RunRecord, log: readonly LogRow[]): number {
  const last = log.findLast(({ type, sequence }) => type.startsWith("agent.") || sequence !== null);
  return last?.atMs ?? record.updatedAtMs;
}

function minutes(ms: number): number {
  return Math.max(0, ms) / 60_000;
}
