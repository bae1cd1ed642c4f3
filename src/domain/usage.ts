import type { AgentEvent, AgentUsage } from "./agent.ts";
import { contextOf, type LogRow, type RunRecord, type RunStore } from "./run.ts";
import type { Settings } from "./settings.ts";
import type { Status } from "./status.ts";

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

function tokensOf({ inputTokens, outputTokens }: Pick<Used, "inputTokens" | "outputTokens">): number {
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
  count(event: AgentEvent): void;
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
  let spokenBytes = 0;
  let askedBytes = 0;
  let usage: AgentUsage | null = null;

  function tokens(): Pick<Used, "inputTokens" | "outputTokens" | "estimated"> {
    const isReported = usage !== null && (usage.inputTokens !== null || usage.outputTokens !== null);
    const own = isReported
      ? { inputTokens: usage?.inputTokens ?? null, outputTokens: usage?.outputTokens ?? null }
      : { inputTokens: fromBytes(askedBytes), outputTokens: fromBytes(spokenBytes) };
    const isEstimated = isReported ? usage?.estimated === true : hasModel && askedBytes + spokenBytes > 0;
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
    count(event) {
      if (event.type === "agent.running") turns += 1;
      else if (event.type === "agent.usage") usage = event.usage;
      else if (event.type === "agent.tool") {
        if (event.again !== true) toolCalls += 1;
        spokenBytes += Buffer.byteLength(event.name) + Buffer.byteLength(event.text);
      } else if (event.type === "agent.message" || event.type === "agent.thought") {
        spokenBytes += Buffer.byteLength(event.text);
      } else if (event.type === "agent.completed" && event.message !== null) {
        spokenBytes += Buffer.byteLength(event.message);
      }
    },
    asked: (text) => {
      askedBytes += Buffer.byteLength(text);
    },
    used: () => ({
      turns: earlier.turns + (usage?.turns ?? turns),
      toolCalls: earlier.toolCalls + toolCalls,
      outputBytes: earlier.outputBytes + spokenBytes,
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

export type DayLimits = Pick<Settings, "maxRunsPerDay" | "maxTokensPerDay" | "maxCostUsdPerDay">;

/** What the runs of one space used within the last 24 hours. */
export interface DayUse {
  readonly runs: Allowance;
  readonly tokens: Allowance & { readonly estimated: boolean };
  readonly costUsd: Allowance;
  /** Unix milliseconds at which a run may start again; null = now. */
  readonly freeAtMs: number | null;
  /** Which budgets are used up. */
  readonly spent: readonly (keyof DayLimits)[];
}

export interface Allowance {
  readonly used: number;
  /** Null = no limit, and nothing to be left of it. */
  readonly limit: number | null;
  readonly left: number | null;
}

export interface DayRequest {
  readonly space: string;
  readonly nowMs: number;
  readonly limits: Partial<DayLimits>;
  /** A run that is not counted: the one that asks. */
  readonly except?: string;
}

export const DAY_MS = 24 * 60 * 60 * 1_000;

export function hasDayLimits({
  maxRunsPerDay,
  maxTokensPerDay,
  maxCostUsdPerDay,
}: Partial<DayLimits>): boolean {
  return [maxRunsPerDay, maxTokensPerDay, maxCostUsdPerDay].some((limit) => limit != null);
}

/**
 * Counts every run that claimed the job and was created within the last 24 hours, with all it used, whenever it
 * used it; dry runs too, for they cost as much. Skipped runs don't count; of one whose machine was lost only what it used.
 */
export async function dayUse(runs: Pick<RunStore, "list" | "tail">, request: DayRequest): Promise<DayUse> {
  const { nowMs, limits } = request;
  const counted: Counted[] = [];
  for (const record of await runsOfDay(runs, request)) {
    const used = await usedBy(runs, record.id);
    const tokens = used === null ? 0 : tokensOf(used);
    const estimated = used?.estimated ?? false;
    const count = endOf(record).status === "machine_lost" ? 0 : 1;
    counted.push({ atMs: record.createdAtMs, runs: count, tokens, costUsd: used?.costUsd ?? 0, estimated });
  }
  const oldestFirst = counted.toReversed();
  const budgets = [
    ["runs", "maxRunsPerDay"],
    ["tokens", "maxTokensPerDay"],
    ["costUsd", "maxCostUsdPerDay"],
  ] as const;
  const frees = budgets.map(
    ([of, setting]) => [setting, freeAt(oldestFirst, of, limits[setting] ?? null)] as const,
  );
  const spent = frees.flatMap(([setting, atMs]) => (atMs === null ? [] : [[setting, atMs] as const]));
  const allowance = (of: Countable, limit: number | null): Allowance => {
    const used = counted.reduce((sum, run) => sum + run[of], 0);
    return { used, limit, left: limit === null ? null : Math.max(0, limit - used) };
  };
  return {
    runs: allowance("runs", limits.maxRunsPerDay ?? null),
    tokens: {
      ...allowance("tokens", limits.maxTokensPerDay ?? null),
      estimated: counted.some(({ estimated }) => estimated),
    },
    costUsd: allowance("costUsd", limits.maxCostUsdPerDay ?? null),
    freeAtMs: spent.length === 0 ? null : Math.max(nowMs, ...spent.map(([, atMs]) => atMs)),
    spent: spent.map(([setting]) => setting),
  };
}

/** Why nothing starts now, when it will, and how to go on before; null while all is well. */
export function spentSentence({ runs, tokens, costUsd, freeAtMs, spent }: DayUse): string | null {
  if (freeAtMs === null) return null;
  const amounts = {
    maxRunsPerDay: `${runs.used} of ${runs.limit} runs`,
    maxTokensPerDay: `${tokens.estimated ? "about " : ""}${grouped(tokens.used)} of ${grouped(tokens.limit ?? 0)} tokens`,
    maxCostUsdPerDay: `$${costUsd.used.toFixed(2)} of $${(costUsd.limit ?? 0).toFixed(2)}`,
  };
  const what = spent.map((setting) => `${amounts[setting]} (${setting})`).join(" and ");
  const flags = spent.map((setting) => FLAGS[setting]).join(" ");
  const at = `${new Date(freeAtMs).toISOString().slice(0, 19).replace("T", " ")}Z`;
  return `The budget of this space for 24 hours is used up, ${what}; it frees up at ${at}, and \`slowwave run ${flags}\` does not wait.`;
}

/** A day's budget is lifted by its name alone: who asks for a run now has not said that it may cost more. */
const FLAGS: Readonly<Record<keyof DayLimits, string>> = {
  maxRunsPerDay: "--max-runs-per-day none",
  maxTokensPerDay: "--max-tokens-per-day none",
  maxCostUsdPerDay: "--max-cost-per-day none",
};

type Countable = "runs" | "tokens" | "costUsd";
type Counted = Readonly<Record<Countable, number>> & { readonly atMs: number; readonly estimated: boolean };

/** When enough of it is older than a day; null: there is something left now. */
function freeAt(oldestFirst: readonly Counted[], of: Countable, limit: number | null): number | null {
  if (limit === null) return null;
  let left = oldestFirst.reduce((sum, run) => sum + run[of], 0);
  let atMs: number | null = null;
  for (const run of oldestFirst) {
    if (left < limit) return atMs;
    left -= run[of];
    atMs = run.atMs + DAY_MS;
  }
  return atMs;
}

const PAGE = 100;
/** Every way to end but the skips; null: an error of the machine itself. */
const AFTER_A_CLAIM = (status: Status | null) => status === null || !status.startsWith("skipped_");

/** Newest first. Ids sort by time, so the first that is too old ends the search. */
async function runsOfDay(
  runs: Pick<RunStore, "list">,
  { space, nowMs, except }: DayRequest,
): Promise<readonly RunRecord[]> {
  const found: RunRecord[] = [];
  for (let before: string | undefined; ; ) {
    const page = await runs.list({ space, limit: PAGE, ...(before === undefined ? {} : { before }) });
    for (const record of page) {
      if (record.createdAtMs <= nowMs - DAY_MS) return found;
      const { claimedWatermark, status } = endOf(record);
      if (record.id !== except && claimedWatermark !== null && AFTER_A_CLAIM(status)) found.push(record);
    }
    if (page.length < PAGE) return found;
    before = page.at(-1)?.id;
  }
}

/** What can't be read is counted. */
function endOf(record: RunRecord): {
  readonly claimedWatermark: number | null;
  readonly status: Status | null;
} {
  const { claimedWatermark = 0, status = null } = contextOf(record) as Partial<ReturnType<typeof endOf>>;
  return { claimedWatermark, status };
}

/** From the end of its log, where it is noted last. */
async function usedBy(runs: Pick<RunStore, "tail">, run: string): Promise<Used | null> {
  for (let before: number | undefined; ; ) {
    const page: readonly LogRow[] = await runs.tail({
      run,
      limit: PAGE,
      ...(before === undefined ? {} : { before }),
    });
    const used = usedIn(page);
    if (used !== null || page.length < PAGE) return used;
    before = page[0]?.id;
  }
}

function grouped(number: number): string {
  return number.toLocaleString("en-US");
}
