import { contextOf, type LogRow, type RunRecord, type RunStore } from "./run.ts";
import type { Settings } from "./settings.ts";
import type { Status } from "./status.ts";
import { tokensOf, type Used, usedIn } from "./usage.ts";

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
 * used it; dry runs too, for they cost as much. Skipped runs don't count.
 */
export async function dayUse(runs: Pick<RunStore, "list" | "tail">, request: DayRequest): Promise<DayUse> {
  const { nowMs, limits } = request;
  const counted: Counted[] = [];
  for (const record of await runsOfDay(runs, request)) {
    const used = await usedBy(runs, record.id);
    const tokens = used === null ? 0 : tokensOf(used);
    const estimated = used?.estimated ?? false;
    counted.push({ atMs: record.createdAtMs, runs: 1, tokens, costUsd: used?.costUsd ?? 0, estimated });
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
