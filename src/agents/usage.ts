import type { AgentEvent, AgentUsage } from "../domain/agent.ts";
import { NOTHING_USED, type Used } from "../domain/budget.ts";
import type { LogRow } from "../domain/run.ts";

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

/** Counts what one agent uses, from its first word on: what it reports of itself, and what passes by anyway. */
export interface AgentMeter {
  hear(event: AgentEvent): void;
  /** It was asked this: counts where tokens have to be estimated. */
  asked(text: string): void;
  used(): Used;
}

export interface MeterOptions {
  /** What agents of this run used before this one. */
  readonly before?: Used | null;
  /** Whether a model is behind it, so that bytes tell something of tokens. */
  readonly hasModel?: boolean;
}

const BYTES_PER_TOKEN = 4;

export function agentMeter({ before, hasModel = true }: MeterOptions = {}): AgentMeter {
  const earlier = before ?? NOTHING_USED;
  let turns = 0;
  let toolCalls = 0;
  let said = 0;
  let askedBytes = 0;
  let usage: AgentUsage | null = null;

  function tokens(): Pick<Used, "inputTokens" | "outputTokens" | "estimated"> {
    const isReported = usage !== null && (usage.inputTokens !== null || usage.outputTokens !== null);
    const own = isReported
      ? { inputTokens: usage?.inputTokens ?? null, outputTokens: usage?.outputTokens ?? null }
      : { inputTokens: fromBytes(askedBytes), outputTokens: fromBytes(said) };
    const isEstimated = isReported ? usage?.estimated === true : hasModel && askedBytes + said > 0;
    return {
      inputTokens: sum(earlier.inputTokens, own.inputTokens),
      outputTokens: sum(earlier.outputTokens, own.outputTokens),
      estimated: earlier.estimated || isEstimated,
    };
  }

  function fromBytes(bytes: number): number | null {
    return hasModel && bytes > 0 ? Math.ceil(bytes / BYTES_PER_TOKEN) : null;
  }

  return {
    hear(event) {
      if (event.type === "agent.running") turns += 1;
      else if (event.type === "agent.usage") usage = event.usage;
      else if (event.type === "agent.tool") {
        if (event.again !== true) toolCalls += 1;
        said += Buffer.byteLength(event.name) + Buffer.byteLength(event.text);
      } else if (event.type === "agent.message" || event.type === "agent.thought") {
        said += Buffer.byteLength(event.text);
      } else if (event.type === "agent.completed" && event.message !== null) {
        said += Buffer.byteLength(event.message);
      }
    },
    asked: (text) => {
      askedBytes += Buffer.byteLength(text);
    },
    used: () => ({
      turns: earlier.turns + (usage?.turns ?? turns),
      toolCalls: earlier.toolCalls + toolCalls,
      outputBytes: earlier.outputBytes + said,
      costUsd: sum(earlier.costUsd, usage?.costUsd ?? null),
      ...tokens(),
    }),
  };
}

function sum(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : a + b;
}

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
