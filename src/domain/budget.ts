import type { Settings } from "./settings.ts";

/** What the agent of one run has used, over all its turns and restarts. */
export interface Used {
  readonly turns: number;
  readonly toolCalls: number;
  /** UTF-8 bytes of what it said, thought and told of its tools. */
  readonly outputBytes: number;
  /** Null: it did not report any, and there was nothing to estimate from. */
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  readonly costUsd: number | null;
  /** The tokens were counted from bytes, since none were reported. */
  readonly estimated: boolean;
}

export const NOTHING_USED: Used = {
  turns: 0,
  toolCalls: 0,
  outputBytes: 0,
  inputTokens: null,
  outputTokens: null,
  costUsd: null,
  estimated: false,
};

/** Every limit of one run; null = none. */
export type RunLimits = Pick<
  Settings,
  | "maxRunMinutes"
  | "maxSilenceMinutes"
  | "maxTurns"
  | "maxToolCalls"
  | "maxTokens"
  | "maxCostUsd"
  | "maxOutputBytes"
>;

export type BudgetName = "minutes" | "silence" | "turns" | "toolCalls" | "tokens" | "cost" | "outputBytes";

/** One budget of a run: how much of it is used, and the setting that limits it. */
export interface BudgetUse {
  readonly name: BudgetName;
  readonly used: number;
  /** Null = no limit. */
  readonly limit: number | null;
  readonly unit: string;
  readonly estimated: boolean;
  readonly setting: keyof RunLimits;
}

/** From this part of a limit on, the agent is asked to finish. */
export const SOFT_PART = 0.8;

/** Every budget in the order people read them. `silence`: the minutes since the agent's last word. */
export function budgetsOf(
  used: Used,
  limits: Partial<RunLimits>,
  spent: { readonly minutes: number; readonly silence: number },
): readonly BudgetUse[] {
  const { estimated } = used;
  const of = (
    name: BudgetName,
    setting: keyof RunLimits,
    unit: string,
    amount: number,
    isEstimated = false,
  ): BudgetUse => ({
    name,
    used: amount,
    limit: limits[setting] ?? null,
    unit,
    estimated: isEstimated,
    setting,
  });
  return [
    of("minutes", "maxRunMinutes", "min", spent.minutes),
    of("silence", "maxSilenceMinutes", "min", spent.silence),
    of("turns", "maxTurns", "turns", used.turns),
    of("toolCalls", "maxToolCalls", "tool calls", used.toolCalls),
    of("tokens", "maxTokens", "tokens", tokensOf(used), estimated),
    of("cost", "maxCostUsd", "USD", used.costUsd ?? 0, estimated && used.costUsd !== null),
    of("outputBytes", "maxOutputBytes", "bytes", used.outputBytes),
  ];
}

export function tokensOf({ inputTokens, outputTokens }: Pick<Used, "inputTokens" | "outputTokens">): number {
  return (inputTokens ?? 0) + (outputTokens ?? 0);
}

/** Exactly what is allowed is allowed. */
export function isOver({ used, limit }: BudgetUse): boolean {
  return limit !== null && used > limit;
}

/**
 * What is counted one by one must have begun: an agent with a single turn is not asked to finish at its first word.
 * To be asked may cost a turn, so the last one is left alone.
 */
export function isNear({ name, used, limit }: BudgetUse): boolean {
  if (limit === null || name === "silence") return false;
  const near = limit * SOFT_PART;
  if (name === "turns" && used >= limit) return false;
  return used >= (name === "turns" || name === "toolCalls" ? Math.max(near, 2) : near);
}

/** What was used, what is allowed and which setting says so, as the rest of a sentence. */
export function pastLimit(use: BudgetUse): string {
  return `${DONE[use.name]} ${amountOf(use, use.used)}, ${amountOf(use, use.limit ?? 0, true)} ${use.limit === 1 || use.name === "cost" ? "is" : "are"} allowed (${use.setting})`;
}

/** How much was used, of what is allowed where there is a limit: `12,000 of 100,000 tokens`, `about 90 tokens`. */
export function usedOf(use: BudgetUse): string {
  if (use.limit === null) return amountOf(use, use.used);
  const about = use.estimated ? "about " : "";
  return `${about}${amountOf(use, use.used, true)} of ${amountOf({ ...use, estimated: false }, use.limit)}`;
}

/** How far a budget is used, for the agent and for the log. */
export function nearLimit(use: BudgetUse): string {
  return `${usedOf(use)} ${use.name === "cost" ? "is" : "are"} used (${use.setting})`;
}

const DONE: Readonly<Record<BudgetName, string>> = {
  minutes: "the run took",
  silence: "the agent said nothing for",
  turns: "the agent took",
  toolCalls: "the agent made",
  tokens: "the agent used",
  cost: "the agent cost",
  outputBytes: "the agent wrote",
};

const NOUNS: Readonly<Record<Exclude<BudgetName, "cost">, string>> = {
  minutes: "minute",
  silence: "minute",
  turns: "turn",
  toolCalls: "tool call",
  tokens: "token",
  outputBytes: "byte",
};

function amountOf({ name, estimated }: BudgetUse, amount: number, isBare = false): string {
  const about = estimated && !isBare ? "about " : "";
  // Cents hide what small limits are about.
  if (name === "cost") return `${about}$${amount.toFixed(amount > 0 && amount < 0.1 ? 4 : 2)}`;
  const number = amount.toLocaleString("en-US", { maximumFractionDigits: name === "minutes" ? 1 : 3 });
  const noun = `${NOUNS[name]}${amount === 1 ? "" : "s"}${name === "outputBytes" ? " of output" : ""}`;
  return isBare ? number : `${about}${number} ${noun}`;
}
