/**
 * What the domain needs from the world. The suites in `test/contract/` define each port; the stores give
 * the same answers on them. All asynchronous, since a network store may be behind them.
 *
 * Everything is told what time it is (`nowMs`, Unix milliseconds). A store whose `clock` is its own compares with that
 * one alone. A store that stays busy longer than its patience rejects with code `store_busy`.
 */

import type { AdmissionStore } from "./admission.ts";
import type { ConnectionStore } from "./connection.ts";
import type { GenerationStore } from "./generation.ts";
import type { JobStore } from "./job.ts";
import type { MemoryStore } from "./memory.ts";
import type { RunStore } from "./run.ts";

import type { ProjectStore, SessionStore } from "./session.ts";

/** Everything that is kept, behind one door. */
export interface Store {
  /**
   * Whose time decides about leases, backoff, cooldown and what is due. `caller`: the `nowMs` of each call, since all callers
   * are on one machine. `store`: the store's own, so that no machine's wrong clock robs a lease; `nowMs` is advice.
   */
  readonly clock: "caller" | "store";
  /** The store's time, Unix milliseconds: where it decides, and since when jobs are due. */
  nowMs(): Promise<number>;
  readonly jobs: JobStore;
  readonly admissions: AdmissionStore;
  readonly memories: MemoryStore;
  readonly runs: RunStore;
  readonly generations: GenerationStore;
  readonly liveness: Liveness;
  readonly sessions: SessionStore;
  readonly projects: ProjectStore;
  readonly connections: ConnectionStore;
  /**
   * Takes away what is past its time in one space, one slice at a call: a few milliseconds. Runs that are over, with their
   * log, what they consolidated, and settlements; then the room they took is given back to the file system. Never an
   * unfinished or parked run, nor what one of them or a kept draft needs. Asked after each run of a space, so that nothing
   * lists spaces: one in which nothing runs any more keeps what it has.
   */
  retire(request: RetentionRequest): Promise<RetentionSlice>;
  /**
   * Leaves nothing of what was deleted in the files: rewrites them whole, and empties the write-ahead log. Rejects with
   * `store_busy` when other processes read for too long.
   */
  compact(): Promise<void>;
  close(): Promise<void>;
}

export interface RetentionRequest {
  readonly space: string;
  /**
   * A run goes when it is neither among so many newest of its space nor was changed within so many days; a failed one when
   * that is true of twice as many. What a run consolidated goes when it is not among the newest.
   */
  readonly keepRuns: number;
  readonly keepRunDays: number;
  readonly nowMs: number;
}

export interface RetentionSlice {
  /** Rows that went. */
  readonly removed: number;
  /** False: another call finds more to do. */
  readonly isDone: boolean;
}

/**
 * Which owners live. On one machine an owner holds an operating-system lock for its whole life: lock free = dead; held =
 * alive, stopped included. Over a network it renews a row by the store's clock: not renewed in time = dead, unless the one
 * who asks was cut off itself. Anything unclear = unknown, so that the lease decides.
 */
export interface Liveness {
  /** `unregister` is death by one's own will; a killed process needs none. Ids are never used again: a dead one is forgotten. */
  register(owner: string): Promise<{ unregister(): Promise<void> }>;
  probe(owner: string): Promise<"alive" | "dead" | "unknown">;
  /** An owner that was not renewed for so long counts as dead. Null: locks tell, and nothing has to be renewed. */
  readonly ttlMs: number | null;
  /**
   * Milliseconds since this process asked for the last renewal of its owner that was made, by a clock that never goes back:
   * never less than what the store counts. Infinite: it learnt that others took it for dead although it lives; finite
   * again once it is renewed. 0 where locks tell, and for an owner that is none of this process's.
   */
  sinceBeatMs(owner: string): number;
}

/** Exclusive locks of one machine, for what is a machine's own: folders, and the places of its agents. */
export interface Locks {
  /** Held until unlocked or death; null when another holds it, be it this process. */
  lock(name: string): Promise<{ unlock(): Promise<void> } | null>;
}

/**
 * A store together with the locks of the machine it is used on: a store that is on one machine anyway (a file) brings
 * them; for any other they are files of the home. No answer of the store depends on them.
 */
export interface LocalStore extends Store {
  readonly locks: Locks;
}
