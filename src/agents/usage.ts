import type { AgentUsage } from "../domain/agent.ts";

/**
 * What an agent reports of its use, made sane: cumulative numbers never fall, and what is not a number from 0
 * up to the largest exact one is left out. An agent's own claim: it may be wrong, it must not be harmful.
 */
export function sanitizeUsage(reported: unknown, before: AgentUsage | null): AgentUsage {
  const claim = (typeof reported === "object" && reported !== null ? reported : {}) as Partial<
    Record<keyof AgentUsage, unknown>
  >;
  return {
    turns: atLeast(whole(claim.turns), before?.turns ?? null) ?? 1,
    inputTokens: atLeast(whole(claim.inputTokens), before?.inputTokens ?? null),
    outputTokens: atLeast(whole(claim.outputTokens), before?.outputTokens ?? null),
    ...kindOf("cachedInputTokens", claim, before),
    ...kindOf("reasoningOutputTokens", claim, before),
    costUsd: atLeast(amount(claim.costUsd), before?.costUsd ?? null),
    estimated: claim.estimated === true || (before?.estimated ?? false),
  };
}

/** Left out as long as nothing was reported. */
function kindOf(
  kind: "cachedInputTokens" | "reasoningOutputTokens",
  claim: Partial<Record<keyof AgentUsage, unknown>>,
  before: AgentUsage | null,
): Partial<AgentUsage> {
  const tokens = atLeast(whole(claim[kind]), before?.[kind] ?? null);
  return tokens === null ? {} : { [kind]: tokens };
}

function amount(value: unknown): number | null {
  return typeof value === "number" && value >= 0 && value <= Number.MAX_SAFE_INTEGER ? value : null;
}

function whole(value: unknown): number | null {
  return Number.isInteger(value) ? amount(value) : null;
}

function atLeast(value: number | null, before: number | null): number | null {
  if (value === null || before === null) return value ?? before;
  return Math.max(value, before);
}
