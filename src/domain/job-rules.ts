/**
 * What every store answers and writes for the one job of a space, as pure functions of its row: a store only reads the
 * row, asks these, and writes what they make of it in one transaction, guarded by `owns`.
 */
export {
  applyClaim,
  applyEnqueue,
  applyFailure,
  applyRelease,
  applyRestore,
  applySuccess,
  applyTakeover,
  claimAnswer,
  dueAtMs,
  isDirty,
  isHeldUnder,
  isLeaseAlive,
  isUnowned,
  leaseUntil,
  nextDueSince,
  owns,
  refusal,
} from "./job.ts";
