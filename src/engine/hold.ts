import type { Clock } from "../domain/clock.ts";
import type { ObservationMap, RunEvent } from "../domain/event.ts";
import type { Lease } from "../domain/job.ts";
import type { RunHold } from "../domain/phase2.ts";
import type { RunStore } from "../domain/run.ts";

/**
 * Binds one run to this process: the fence lives here and nowhere else, and what actors observe goes to the
 * log first and to the listeners after it. Observations that cannot be kept are still told; they decide nothing.
 */
export function createHold(
  run: { readonly id: string; readonly space: string },
  deps: {
    readonly runs: Pick<RunStore, "note">;
    readonly clock: Clock;
    readonly tell: (event: RunEvent) => void;
  },
): RunHold {
  let held: Lease | null = null;
  return {
    run: run.id,
    space: run.space,
    lease: () => held,
    hold: (lease) => {
      held = lease;
    },
    note: (type, data) => {
      const atMs = deps.clock.nowMs();
      const told = () => {
        const event = eventOf(type, data);
        if (event !== null) deps.tell({ ...event, run: run.id, space: run.space, atMs } as RunEvent);
      };
      deps.runs.note(run.id, { atMs, type, data }).then(told, told);
    },
  };
}

/** What is in the log for a later process alone. */
const UNHEARD: ReadonlySet<keyof ObservationMap> = new Set(["budget.used", "lease.unrenewed"]);

function eventOf<Type extends keyof ObservationMap>(type: Type, data: ObservationMap[Type]): object | null {
  if (UNHEARD.has(type)) return null;
  return type === "gate.finding" ? { type, finding: data } : { ...data, type };
}
