import type { AgentUsage } from "../domain/agent.ts";
import type { LogRow, RunRecord } from "../domain/run.ts";
import type { Phase2Context } from "../machines/words.ts";
import type { BudgetMeter } from "./api.ts";
import { parsed } from "./event-view.ts";

/** How much of each limit a run has used: by now while it lives, by its end afterwards. `log` is its newest part. */
export function budgetOf(
  record: RunRecord,
  { value, context }: { readonly value: string; readonly context: Partial<Phase2Context> },
  log: readonly LogRow[],
  nowMs: number,
): readonly BudgetMeter[] {
  const { settings } = context;
  if (settings === undefined) return [];
  const said = log.findLast(({ type }) => type === "agent.usage");
  const usage =
    said === undefined ? null : ((parsed(said.data) as { usage?: AgentUsage } | null)?.usage ?? null);
  const isOver = record.state !== "active";
  const tokens = (usage?.inputTokens ?? 0) + (usage?.outputTokens ?? 0);
  const estimated = usage?.estimated ?? false;
  const turns = usage?.turns ?? (context.agent == null ? 0 : 1 + (context.repairs ?? 0));
  return [
    {
      name: "minutes",
      used: minutes((isOver ? record.updatedAtMs : nowMs) - record.createdAtMs),
      limit: settings.maxRunMinutes,
      unit: "min",
      estimated: false,
    },
    {
      name: "silence",
      used: !isOver && value === "supervising" ? minutes(nowMs - lastWordAtMs(record, log)) : 0,
      limit: settings.maxSilenceMinutes,
      unit: "min",
      estimated: false,
    },
    { name: "turns", used: turns, limit: settings.maxTurns, unit: "turns", estimated: false },
    { name: "tokens", used: tokens, limit: settings.maxTokens, unit: "tokens", estimated },
    { name: "cost", used: usage?.costUsd ?? 0, limit: settings.maxCostUsd, unit: "USD", estimated },
  ];
}

/** The agent's last word, or the machine's last step, which brought us here. */
function lastWordAtMs(record: RunRecord, log: readonly LogRow[]): number {
  const last = log.findLast(({ type, sequence }) => type.startsWith("agent.") || sequence !== null);
  return last?.atMs ?? record.updatedAtMs;
}

function minutes(ms: number): number {
  return Math.max(0, ms) / 60_000;
}
