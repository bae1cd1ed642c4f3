/**
 * Reading runs: results, states, use of budgets, and spaces that a killed operation left behind.
 * For the command line and the server; nothing here is promised to hosts.
 */
export { usedIn } from "../agents/usage.ts";
export { resultOf, spansOf, wholeLog } from "../engine/result.ts";
export type { Phase2Context } from "../machines/words.ts";
export { rowBeforeKilledControl, spacesOfKilledControls } from "../memory-files/free-space.ts";
export {
  type Allowance,
  type DayLimits,
  type DayUse,
  dayUse,
  hasDayLimits,
  spentSentence,
} from "../services/day-budget.ts";
