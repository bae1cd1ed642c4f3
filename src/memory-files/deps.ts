import type { Clock, Ids } from "../domain/clock.ts";
import { SlowwaveError } from "../domain/failure.ts";
import type { Lease } from "../domain/job.ts";
import type { LeaseHolder, RunPlaces } from "../domain/phase2.ts";
import type { LocalStore } from "../domain/ports.ts";
import type { GateSettings } from "../domain/settings.ts";
import type { Files } from "../files/folder.ts";

/** What every actor that touches memory files works with; one per run, made by the engine. */
export interface RunDeps {
  readonly store: Pick<LocalStore, "memories" | "generations" | "locks" | "projects">;
  readonly holder: LeaseHolder;
  readonly places: RunPlaces;
  /** Owner id of this process; names the workspace that it prepares. */
  readonly worker: string;
  /** Which home a memory root belongs to; kept in its mark. */
  readonly homeId: string;
  /** What is odd about the home itself, in a sentence; null: nothing. */
  readonly homeNotice?: () => Promise<string | null>;
  readonly clock: Clock;
  readonly ids: Pick<Ids, "token">;
  /** Severities of single checks of the gate; absent = the defaults. */
  readonly gate?: GateSettings;
  /** `nodeFiles()`, but in tests. */
  readonly files: Files;
  /** Shows a root that was just brought to a generation where agents read it. Never rejects, and may be repeated. */
  readonly published?:
    | ((publication: { readonly space: string; readonly root: string }) => Promise<void>)
    | undefined;
}

/** A change of a memory root needs no more than this: also rollback, apply and recovery have it. */
export type RootDeps = Pick<RunDeps, "homeId" | "clock" | "ids" | "files" | "published"> & {
  readonly store: Pick<LocalStore, "generations" | "locks">;
};

/** The lease every change of the store names; rejects when this process holds none. */
export function requireLease(holder: Pick<LeaseHolder, "lease">): Lease {
  const lease = holder.lease();
  if (lease === null) throw lostOwnership();
  return lease;
}

export function lostOwnership(): SlowwaveError {
  return new SlowwaveError("failed_lost_ownership", "Another worker owns the job of this space now.");
}
