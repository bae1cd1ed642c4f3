import type { AgentUsage } from "../domain/agent.ts";
import { NOTHING_USED, type Used } from "../domain/budget.ts";
import type { LogRow } from "../domain/run.ts";

/**
 * What a run's agents have used, by what was noted last; null while none of them said anything. Both rows are
 * cumulative: the one over all agents of the run, the other as the agent at work reports it.
 */
export function usedIn(log: readonly LogRow[]): Used | null {
  const noted = log.findLast(({ type, sequence }) => sequence === null && type === "budget.used");
  const reported = log.findLast(({ type, sequence }) => sequence === null && type === "agent.usage");
  const used = noted === undefined ? null : (JSON.parse(noted.data) as { used: Used }).used;
  if (reported === undefined || (noted !== undefined && noted.id > reported.id)) return used;
  const { usage } = JSON.parse(reported.data) as { usage: AgentUsage };
  return later(used ?? NOTHING_USED, usage);
}

/** Reported since it was noted: numbers never fall. */
function later(used: Used, usage: AgentUsage): Used {
  return {
    ...used,
    turns: Math.max(used.turns, usage.turns),
    inputTokens: most(used.estimated ? null : used.inputTokens, usage.inputTokens) ?? used.inputTokens,
    outputTokens: most(used.estimated ? null : used.outputTokens, usage.outputTokens) ?? used.outputTokens,
    costUsd: most(used.costUsd, usage.costUsd),
    estimated: usage.inputTokens === null && usage.outputTokens === null ? used.estimated : usage.estimated,
  };
}

function most(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : Math.max(a, b);
}
