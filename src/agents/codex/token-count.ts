/** Tokens of all threads together: an agent that Codex starts on its own costs as well. */
export interface TokenCount {
  /** Cumulative numbers of one thread, as it claims them; false when they are not counted. */
  heard(threadId: string, claim: Tokens): boolean;
  total(): Tokens;
}

export interface Tokens {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** More threads than these are no agent, but a flood. */
const MOST_THREADS = 100;

export function tokenCount(): TokenCount {
  const threads = new Map<string, Tokens>();
  return {
    heard(threadId, { inputTokens, outputTokens }) {
      if (!threads.has(threadId) && threads.size >= MOST_THREADS) return false;
      const before = threads.get(threadId) ?? { inputTokens: 0, outputTokens: 0 };
      threads.set(threadId, {
        inputTokens: sober(inputTokens, before.inputTokens),
        outputTokens: sober(outputTokens, before.outputTokens),
      });
      return true;
    },
    total: () => ({
      inputTokens: sum([...threads.values()].map((tokens) => tokens.inputTokens)),
      outputTokens: sum([...threads.values()].map((tokens) => tokens.outputTokens)),
    }),
  };
}

function sober(claim: number, before: number): number {
  return Number.isSafeInteger(claim) ? Math.max(claim, before) : before;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
