/**
 * Reading runs: results, states, use of budgets, and spaces that a killed operation left behind.
 * For the command line and the server; nothing here is promised to hosts.
 */

export {
  type Allowance,
  type DayLimits,
  type DayUse,
  dayUse,
  hasDayLimits,
  spentSentence,
  usedIn,
} from "../domain/usage.ts";
export { type ActorLine, actorsOf } from "../durable/actor-list.ts";
export { clearAbandonedStaging, type LeftStaging } from "../engine/recovery.ts";
export { resultOf, spansOf, wholeLog } from "../engine/result.ts";
export type { Phase2Context } from "../machines/context.ts";
export { rowBeforeAbandonedOperation, spacesOfAbandonedOperations } from "../memory-files/root-lock.ts";
