import type { RunEvent } from "../../domain/event.ts";
import type { Clock, Store } from "../../domain/ports.ts";
import type { RunRecord } from "../../domain/run.ts";
import { progressOf } from "../../domain/texts.ts";

/** What observers hear of a run that nobody here can read. Its job row stays as it is until it is cancelled. */
export function parkedEvents({ id: run, space }: RunRecord, atMs: number): readonly RunEvent[] {
  const status = "parked_unknown_version";
  return [
    { type: "status.counted", run, space, atMs, status },
    { type: "progress", run, space, atMs, text: progressOf(status) },
  ];
}

/**
 * Cancels a parked run: the job it still holds is released under its own token. Of its snapshot only the token is
 * read, which every version has kept in the same place. False when it held nothing (any more).
 */
export async function releaseParked(
  { store, clock, owner }: { store: Pick<Store, "jobs">; clock: Clock; owner: string },
  { space, snapshot }: RunRecord,
): Promise<boolean> {
  const { context } = JSON.parse(snapshot) as { context?: { token?: unknown } };
  if (typeof context?.token !== "string") return false;
  const { token } = context;
  const lease = await store.jobs.takeOver({
    space,
    token,
    worker: owner,
    leaseSeconds: 60,
    nowMs: clock.nowMs(),
  });
  if (lease === null) return false;
  return (await store.jobs.release({ lease, reason: "cancelled", nowMs: clock.nowMs() })) !== "lost";
}
