import {
  type BudgetUse,
  budgetsOf,
  isNear,
  isOver,
  nearLimit,
  pastLimit,
  type RunLimits,
  type Used,
} from "../domain/budget.ts";

const NO_TIME = { minutes: 0, silence: 0 };

/** Which limit this use is past, as a sentence with the numbers and the setting; null while all is well. */
export function exceeded(used: Used, limits: Partial<RunLimits>): string | null {
  const past = budgetsOf(used, limits, NO_TIME).find(isOver);
  return past === undefined ? null : pastLimit(past);
}

/** Budgets that are nearly used up. `minutes`: since the run began. */
export function nearlyUsed(used: Used, limits: Partial<RunLimits>, minutes: number): readonly BudgetUse[] {
  return budgetsOf(used, limits, { minutes, silence: 0 }).filter(isNear);
}

/** What the agent is asked when little of these budgets is left. */
export function finishRequest(uses: readonly BudgetUse[]): string {
  return `Little of this run's budget is left: ${uses.map(nearLimit).join("; ")}. Begin nothing new. Bring MEMORY.md and memory_summary.md to a good end now, check them, and finish: past the limit this work is thrown away.`;
}
