/**
 * Learning by the system's own timer, and how it goes.
 * For the command line and the server; nothing here is promised to hosts.
 */
export { SCHEDULE_MARK, type SchedulePlan, schedulePlan } from "../delivery/schedule.ts";
export {
  readScheduleState,
  type ScheduleState,
  scheduleComplaint,
  scheduleNotices,
  scheduleStateAfter,
  writeScheduleState,
} from "../delivery/schedule-state.ts";
