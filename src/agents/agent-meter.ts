import type { AgentEvent, AgentUsage } from "../domain/agent.ts";
import { NOTHING_USED, type Used } from "../domain/budget.ts";

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
