import type { Clock } from "../domain/clock.ts";
import type { Store } from "../domain/ports.ts";

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
