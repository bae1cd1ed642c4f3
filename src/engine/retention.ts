import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "../domain/clock.ts";
import type { Store } from "../domain/ports.ts";
import { contextOf } from "../domain/run.ts";
import type { Settings } from "../domain/settings.ts";
import type { Phase2Context } from "../machines/context.ts";

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

export interface Retention {
  /** At most so many generations of a space are kept, and none longer than so many days. */
  readonly most: number;
  readonly days: number;
  /** So many of the newest stay, however old they are. */
  readonly floor: number;
}

export const RETENTION: Retention = { most: 20, days: 90, floor: 5 };

const DAY_MS = 24 * 60 * 60 * 1_000;
const GRACE_MS = 24 * 60 * 60 * 1_000;
/** Small steps: what is not removed today is removed after the next run. */
const PER_STEP = 10;
const BLOBS_PER_STEP = 256;
const SEARCHED = 1_000;

/**
 * Takes generations away whose time is over, and blobs that nothing has named for a day. The one in effect, what an
 * unfinished run started from, and what a kept draft stands on stay. One small step; run after each success.
 */
export async function retire(
  { store, clock }: { readonly store: Pick<Store, "generations">; readonly clock: Clock },
  { space, bases }: { readonly space: string; readonly bases: readonly (string | null)[] },
  { most, days, floor }: Retention = RETENTION,
): Promise<readonly string[]> {
  const { generations } = store;
  const nowMs = clock.nowMs();
  const kept = await generations.list(space, SEARCHED);
  const needed = new Set([...bases, ...(await generations.drafts(space)).map(({ base }) => base)]);
  const over = kept.filter(
    ({ id, createdAtMs }, place) =>
      place >= floor && !needed.has(id) && (place >= most || createdAtMs < nowMs - days * DAY_MS),
  );
  const gone = over.slice(-PER_STEP).map(({ id }) => id);
  if (gone.length > 0) await generations.remove(space, gone);
  await generations.collect({ nowMs, graceMs: GRACE_MS, limit: BLOBS_PER_STEP });
  return gone;
}
