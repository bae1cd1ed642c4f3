import type { Clock } from "../domain/clock.ts";
import type { RunEvent } from "../domain/event.ts";
import { tokenHeldBy } from "../domain/job.ts";
import type { Store } from "../domain/ports.ts";
import { contextOf, type RunRecord } from "../domain/run.ts";
import type { Settings } from "../domain/settings.ts";
import { progressOf } from "../domain/status.ts";

/** What observers hear of a run that nobody here can read. Its job row stays as it is until it is cancelled. */
export function parkedEvents({ id: run, space }: RunRecord, atMs: number): readonly RunEvent[] {
  const status = "parked_unknown_version";
  return [
    { type: "status.counted", run, space, atMs, status },
    { type: "progress", run, space, atMs, text: progressOf(status) },
  ];
}

/** Throws unless the context holds what adopting a run needs before its machine goes on. */
export function demandContext(run: Pick<RunRecord, "snapshot">): void {
  const context = contextOf(run);
  for (const name of ["run", "space", "root", "token"]) {
    if (typeof context[name] !== "string") throw new Error(`its context has no ${name}`);
  }
  const leaseSeconds = (context.settings as Partial<Settings> | null | undefined)?.leaseSeconds;
  if (typeof leaseSeconds !== "number") throw new Error("its context has no settings");
}

/** Cancels a parked run: the job it still holds is released under its own token. False when it held nothing (any more). */
export async function releaseParked(
  { store, clock, owner }: { store: Pick<Store, "jobs">; clock: Clock; owner: string },
  run: RunRecord,
): Promise<boolean> {
  const { space } = run;
  const token = tokenHeldBy(run, await store.jobs.read(space));
  if (token === null) return false;
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
