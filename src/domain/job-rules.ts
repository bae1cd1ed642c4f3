/**
 * What every store answers and writes for the one job of a space, as pure functions of its row: a store only reads the
 * row, asks these, and writes what they make of it in one transaction, guarded by `owns`.
 */
export {
  claimed as applyClaim,
  enqueued as applyEnqueue,
  failed as applyFailure,
  granted as claimAnswer,
  isDirty,
  isHeldUnder,
  isLeaseAlive,
  isUnowned,
  leaseUntil,
  owns,
  refusal,
  released as applyRelease,
  restored as applyRestore,
  succeeded as applySuccess,
  takenOver as applyTakeover,
} from "./job.ts";
