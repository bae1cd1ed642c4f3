import type { AgentLimits, AgentUsage } from "../../domain/agent.ts";

/** Which limit this use is past, as a sentence with the numbers; null while all is well. */
export function exceeded(usage: AgentUsage, limits: AgentLimits): string | null {
  const { turns, costUsd } = usage;
  const tokens = (usage.inputTokens ?? 0) + (usage.outputTokens ?? 0);
  const about = usage.estimated ? "about " : "";
  if (limits.maxTurns !== null && turns > limits.maxTurns) {
    return `the agent took ${grouped(turns)} turns, ${grouped(limits.maxTurns)} are allowed`;
  }
  if (limits.maxTokens !== null && tokens > limits.maxTokens) {
    return `the agent used ${about}${grouped(tokens)} tokens, ${grouped(limits.maxTokens)} are allowed`;
  }
  if (limits.maxCostUsd !== null && costUsd !== null && costUsd > limits.maxCostUsd) {
    return `the agent cost ${about}$${costUsd.toFixed(2)}, $${limits.maxCostUsd.toFixed(2)} is allowed`;
  }
  return null;
}

function grouped(number: number): string {
  return number.toLocaleString("en-US");
}
