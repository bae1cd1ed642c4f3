import { map, NEVER } from "rxjs";
import { fromEventObservable } from "xstate";
import { after, type Clock } from "../domain/clock.ts";
import type { Phase2Event } from "../domain/phase2.ts";

/** Tells when the run's time is up. The deadline is absolute, so a restart neither shortens nor prolongs it. */
export function keepDeadline({ clock, maxRunMinutes }: { clock: Clock; maxRunMinutes: number | null }) {
  return fromEventObservable<Phase2Event, { deadlineAtMs: number | null }>(({ input: { deadlineAtMs } }) =>
    deadlineAtMs === null
      ? NEVER
      : after(clock, Math.max(0, deadlineAtMs - clock.nowMs())).pipe(
          map(
            (): Phase2Event => ({
              type: "budget.reached",
              why: `the run took longer than ${maxRunMinutes} minute${maxRunMinutes === 1 ? "" : "s"} (maxRunMinutes)`,
            }),
          ),
        ),
  );
}
