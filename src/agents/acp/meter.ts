import type { AgentUsage } from "../../domain/agent.ts";
import { sanitizeUsage } from "../../domain/usage.ts";
import type { PromptAnswer } from "./messages.ts";

/** What an agent used, from what it reports in its several ways, else from the bytes. */
export interface Meter {
  asked(text: string): void;
  answered(text: string): void;
  /** Tokens in its context: it has read at least as many. Cost so far. */
  heard(used: unknown, costUsd: number | null): void;
  /** The turn is over, with what its answer reports. */
  settle(answer: PromptAnswer | null): void;
  usage(): AgentUsage;
}

const BYTES_PER_TOKEN = 4;

export function meter(): Meter {
  let turns = 0;
  let askedBytes = 0;
  let answeredBytes = 0;
  /** Of the turns before this one. */
  let past = { input: 0, output: 0 };
  let kinds: Pick<AgentUsage, "cachedInputTokens" | "reasoningOutputTokens"> = {};
  let context: number | null = null;
  let usage: AgentUsage | null = null;

  function use(claim: Partial<AgentUsage>): void {
    usage = sanitizeUsage({ turns, ...claim }, usage);
  }

  /** Each answer reports its own turn. */
  function kindsOf(answer: PromptAnswer | null): typeof kinds {
    const cached = whole(answer?.usage?.cachedReadTokens);
    const thought = whole(answer?.usage?.thoughtTokens);
    kinds = {
      ...kinds,
      ...(cached === null ? {} : { cachedInputTokens: (kinds.cachedInputTokens ?? 0) + cached }),
      ...(thought === null ? {} : { reasoningOutputTokens: (kinds.reasoningOutputTokens ?? 0) + thought }),
    };
    return kinds;
  }

  return {
    asked(text) {
      turns += 1;
      askedBytes = Buffer.byteLength(text);
      answeredBytes = 0;
      context = null;
      use({});
    },
    answered(text) {
      answeredBytes += Buffer.byteLength(text);
    },
    heard(used, costUsd) {
      if (Number.isSafeInteger(used) && (used as number) >= 0)
        context = Math.max(context ?? 0, used as number);
      use({
        ...(context === null ? {} : { inputTokens: past.input + context }),
        ...(costUsd === null ? {} : { costUsd }),
      });
    },
    settle(answer) {
      const reported = answer === null ? null : reportedBy(answer);
      past = {
        input: past.input + (reported?.input ?? context ?? Math.ceil(askedBytes / BYTES_PER_TOKEN)),
        output: past.output + (reported?.output ?? Math.ceil(answeredBytes / BYTES_PER_TOKEN)),
      };
      use({
        inputTokens: past.input,
        outputTokens: past.output,
        ...kindsOf(answer),
        ...(reported === null ? { estimated: true } : {}),
      });
    },
    usage: () => usage ?? sanitizeUsage({ turns }, null),
  };
}

/** Null when it reports nothing, or nothing that is a number of tokens. */
function reportedBy({
  usage,
  _meta,
}: PromptAnswer): { readonly input: number; readonly output: number } | null {
  const quota = _meta?.quota?.token_count;
  const output = whole(usage?.outputTokens) ?? whole(quota?.output_tokens);
  const named = whole(usage?.inputTokens) ?? whole(quota?.input_tokens);
  if (output === null || named === null) return null;
  // What was read from a cache may be in the total alone.
  return { input: Math.max(named, (whole(usage?.totalTokens) ?? 0) - output), output };
}

/** No turn takes as many as this. */
const MOST_TOKENS = 1e9;

function whole(value: number | null | undefined): number | null {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= MOST_TOKENS
    ? (value as number)
    : null;
}
