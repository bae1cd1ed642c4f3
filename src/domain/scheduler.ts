import { type SchedulerAction, type SchedulerLike, Subscription } from "rxjs";
import { type Clock, withLongTimers } from "./clock.ts";

/**
 * RxJS on the given clock: `timer`, `interval`, `timeout` and the like take it as their scheduler, so that whoever owns the
 * clock owns their time. Beside `clock.ts`, since commands that only read must not load RxJS.
 */
export function schedulerOf(clock: Clock): SchedulerLike {
  const known = schedulers.get(clock);
  if (known !== undefined) return known;
  const patient = withLongTimers(clock);
  const scheduler: SchedulerLike = {
    now: () => clock.nowMs(),
    schedule: <State>(work: Work<State>, delay?: number, state?: State) =>
      new ClockAction(patient, work).schedule(state, delay),
  };
  schedulers.set(clock, scheduler);
  return scheduler;
}

/** One of each clock, which all runs of a process share. */
const schedulers = new WeakMap<Clock, SchedulerLike>();

type Work<State> = (this: SchedulerAction<State>, state: State) => void;

/** One piece of scheduled work; operators that repeat schedule it again from within. */
class ClockAction<State> extends Subscription implements SchedulerAction<State> {
  readonly #clock: Clock;
  readonly #work: Work<State>;
  #timer: unknown = null;

  constructor(clock: Clock, work: Work<State>) {
    super();
    this.#clock = clock;
    this.#work = work;
  }

  schedule(state?: State, delay = 0): Subscription {
    if (this.closed) return this;
    this.#clock.clearTimeout(this.#timer);
    this.#timer = this.#clock.setTimeout(() => this.#work(state as State), delay);
    return this;
  }

  override unsubscribe(): void {
    this.#clock.clearTimeout(this.#timer);
    super.unsubscribe();
  }
}
