import { budgetsOf, NOTHING_USED } from "../domain/budget.ts";
import type { RunStore } from "../domain/ports.ts";
import type { LogRow, RunRecord } from "../domain/run.ts";
import {
  type Allowance,
  type DayLimits,
  dayUse,
  hasDayLimits,
  type Phase2Context,
  usedIn,
} from "../internal/runs.ts";
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

/** How much of the day's limits of its space is used by now, as the run's settings have them; none, no meters. */
export async function dayBudgetOf(
  runs: Pick<RunStore, "list" | "tail">,
  { space }: Pick<RunRecord, "space">,
  limits: Partial<DayLimits>,
  nowMs: number,
): Promise<readonly BudgetMeter[]> {
  if (!hasDayLimits(limits)) return [];
  const use = await dayUse(runs, { space, nowMs, limits });
  const of = ({ used, limit }: Allowance, estimated = false) => ({ used, limit, estimated });
  const meters: readonly BudgetMeter[] = [
    { name: "runsPerDay", ...of(use.runs), unit: "runs", setting: "maxRunsPerDay" },
    {
      name: "tokensPerDay",
      ...of(use.tokens, use.tokens.estimated),
      unit: "tokens",
      setting: "maxTokensPerDay",
    },
    { name: "costPerDay", ...of(use.costUsd), unit: "USD", setting: "maxCostUsdPerDay" },
  ];
  return meters.filter(({ limit }) => limit !== null);
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
