import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "../domain/clock.ts";
import type { Store } from "../domain/ports.ts";
import { contextOf } from "../domain/run.ts";
import type { Settings } from "../domain/settings.ts";
import type { Phase2Context } from "../machines/context.ts";
import { retire } from "../memory-files/retire.ts";

/**
 * How many slices are taken after one run. A run makes fewer rows than one slice removes, so that this keeps pace with
 * what comes; a home that has much to make up for does so over its next runs.
 */
const SLICES_PER_RUN = 40;

/**
 * Takes away what is past its time in the space of a run that has ended: generations and their files first, then runs,
 * their logs and what they consolidated. Every slice is a few milliseconds; between two of them other work gets its turn.
 * Never rejects: what could not be removed now is removed after the next run.
 */
export async function retireAfterRun(
  { store, clock }: { readonly store: Store; readonly clock: Clock },
  space: string,
  { keepRuns, keepRunDays }: Pick<Settings, "keepRuns" | "keepRunDays">,
): Promise<void> {
  try {
    await retireGenerations({ store, clock }, space);
    for (let slice = 0; slice < SLICES_PER_RUN; slice += 1) {
      const { isDone } = await store.retire({ space, keepRuns, keepRunDays, nowMs: clock.nowMs() });
      if (isDone) return;
      await nextTurn();
    }
  } catch {
    // Housekeeping; that it failed is no failure of the run.
  }
}

/** What an unfinished run started from stays. */
async function retireGenerations(
  { store, clock }: { readonly store: Store; readonly clock: Clock },
  space: string,
): Promise<void> {
  const unfinished = await store.runs.list({ space, state: "active", limit: 10 });
  const bases = unfinished.map((run) => (contextOf(run) as Partial<Phase2Context>).base ?? null);
  await retire({ store, clock }, { space, bases });
}
