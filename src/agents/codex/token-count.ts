/** Tokens of all threads together: an agent that Codex starts on its own costs as well. */
export interface TokenCount {
  /** Takes the cumulative numbers of one thread, as it claims them; false when they are not counted. */
  record(threadId: string, claim: TokenClaim): boolean;
  total(): Tokens;
}

const KINDS = ["inputTokens", "outputTokens", "cachedInputTokens", "reasoningOutputTokens"] as const;

/** Kinds that no thread has reported are left out. */
export type Tokens = Readonly<Partial<Record<(typeof KINDS)[number], number>>>;

export type TokenClaim = Readonly<Partial<Record<(typeof KINDS)[number], number | undefined>>>;

/** More threads than these are no agent, but a flood. */
const MOST_THREADS = 100;

export function tokenCount(): TokenCount {
  const threads = new Map<string, Tokens>();
  return {
    record(threadId, claim) {
      if (!threads.has(threadId) && threads.size >= MOST_THREADS) return false;
      const before = threads.get(threadId) ?? {};
      threads.set(
        threadId,
        collect((kind) => atLeast(claim[kind], before[kind])),
      );
      return true;
    },
    total: () =>
      collect((kind) => [...threads.values()].map((tokens) => tokens[kind]).reduce(sum, undefined)),
  };
}

function collect(numberOf: (kind: (typeof KINDS)[number]) => number | undefined): Tokens {
  const known = KINDS.map((kind) => [kind, numberOf(kind)] as const).filter(
    ([, number]) => number !== undefined,
  );
  return Object.fromEntries(known);
}

/** A claim that is no exact number counts for nothing, and numbers never fall. */
function atLeast(claim: number | undefined, before: number | undefined): number | undefined {
  if (claim === undefined) return before;
  return Number.isSafeInteger(claim) ? Math.max(claim, before ?? 0) : (before ?? 0);
}

function sum(total: number | undefined, number: number | undefined): number | undefined {
  return number === undefined ? total : (total ?? 0) + number;
}
