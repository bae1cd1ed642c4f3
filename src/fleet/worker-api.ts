import type { AdmissionCarrier, AdmissionLimits } from "../domain/admission.ts";
import type { Clock } from "../domain/clock.ts";
import type { Store } from "../domain/ports.ts";
import type { Settings } from "../domain/settings.ts";
import type { DayLimits } from "../domain/usage.ts";
import type { Engine, Run, StartRequest } from "../engine/engine-api.ts";

export interface WorkerOptions {
  /** Its runs are the worker's; it must not be given another limit of live runs. */
  readonly engine: Engine;
  /** The store of the engine. */
  readonly store: Store;
  /** How many runs this worker works on at once, begun and taken over together. Default 8. */
  readonly concurrency?: number;
  /** How many spaces may be at work at once in all processes on this store. Default: any number. */
  readonly limits?: Partial<AdmissionLimits>;
  /** How the tenant of a space is read from its key, the same for all workers on a store. Default `prefix:/`. */
  readonly tenantOf?: string;
  /** The settings that decide whether a space is due: those of the engine. */
  readonly settings?: Partial<Pick<Settings, "successCooldownSeconds" | "retries"> & DayLimits>;
  /**
   * Works in rounds: at once and then every so often, until nothing is due; `before` makes spaces due and is awaited first.
   * Absent: a space is begun as soon as it is due and a place is free.
   */
  readonly rounds?: { readonly everyMs: number; readonly before?: () => Promise<void> } | null;
  /** Carries admitted spaces from the process that admits to the one that works. Default: each works on what it admits. */
  readonly dispatcher?: Dispatcher;
  /** What people know this worker by. Default: the name of the host and the process id. */
  readonly name?: string;
  /** Of the program; the fleet shows it. */
  readonly version?: string;
  readonly clock?: Clock;
  /** Spreads the looks of many workers; 0 to 1. Replaced in tests. */
  readonly random?: () => number;
  /** What could not be started or finished here; a later look tries again. */
  readonly onProblem?: (space: string | null, error: unknown) => void;
  /** The store can be reached again, after a problem `worker_cut_off`. */
  readonly onBack?: () => void;
}

export type WorkerState = "new" | "working" | "cut-off" | "draining" | "stopped";

export interface WorkerStatus {
  readonly worker: string;
  readonly name: string;
  readonly state: WorkerState;
  readonly concurrency: number;
  /** Runs at work here. */
  readonly running: number;
  /** Admitted here, and not yet begun. */
  readonly starting: number;
  readonly takeovers: number;
  readonly leasesLost: number;
  readonly startedAtMs: number;
  /** Milliseconds since the store last knew that this worker lives. */
  readonly beatAgeMs: number;
}

/** Works on what is due in a store, together with any number of others like it. */
export interface Worker {
  /** Begins. Rejects with `tenant_rule_other` when a worker that lives tells tenants another way. */
  start(): Promise<void>;
  status(): WorkerStatus;
  /**
   * One run now, if there is a place for it here and within the limits; else it rejects at once with `no_place` (or
   * `fleet_paused`) and says what will become of the space.
   */
  run(request: StartRequest): Promise<Run>;
  /** Begins nothing more, at once; what runs goes on. */
  stop(): void;
  /**
   * Begins nothing more, hands back the spaces in which no agent works yet, and waits for the others' end, at most so
   * long. Then the worker is gone from the fleet; its engine is still to be closed.
   */
  drain(options?: { readonly graceMs?: number }): Promise<void>;
}

/**
 * Carries admitted spaces from the process that admits to the one that works: a queue with a dashboard of its own, for
 * instance. It decides nothing: the store admits, the claim decides, and the job's row alone knows of retries. A space that
 * a dispatcher loses or brings late is admitted again when its admission is over.
 */
export interface Dispatcher extends AdmissionCarrier {
  /** Before anything is sent. */
  start(): Promise<void>;
  /** At most so many spaces to work on here. */
  fetch(count: number): Promise<readonly Delivery[]>;
  stop(): Promise<void>;
}

export interface Delivery {
  readonly space: string;
  /** The work on it is over, with what became of it for those who look at the queue. */
  done(outcome: { readonly run: string | null; readonly status: string }): Promise<void>;
}
