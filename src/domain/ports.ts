/**
 * What the domain needs from the world. The suites in `test/contract/` define each port; the stores give
 * the same answers on them. All asynchronous, since a network store may be behind them.
 *
 * Everything is told what time it is (`nowMs`, Unix milliseconds); nothing here reads a clock.
 * A store that stays busy longer than its patience rejects with code `store_busy`.
 */

import type { ConnectionStore } from "./connection.ts";
import type { GenerationStore } from "./generation.ts";
import type { JobStore } from "./job.ts";
import type { MemoryStore } from "./memory.ts";
import type { RunStore } from "./run.ts";

import type { ProjectStore, SessionStore } from "./session.ts";

/** Everything that is kept, behind one door. */
export interface Store {
  readonly jobs: JobStore;
  readonly memories: MemoryStore;
  readonly runs: RunStore;
  readonly generations: GenerationStore;
  readonly owners: Owners;
  readonly sessions: SessionStore;
  readonly projects: ProjectStore;
  readonly connections: ConnectionStore;
  /**
   * Takes away what is past its time in one space, one slice at a call: a few milliseconds. Runs that are over, with their
   * log, what they consolidated, and settlements; then the room they took is given back to the file system. Never an
   * unfinished or parked run, nor what one of them or a kept draft needs.
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
 * Which processes live. A registered owner holds an operating-system lock for its whole life: lock free = dead;
 * held = alive, stopped included; anything unclear = unknown, so that the lease decides.
 */
export interface Owners {
  /** `unregister` frees the lock; a killed process frees it by dying. Ids are never used again: a dead one is forgotten. */
  register(owner: string): Promise<{ unregister(): Promise<void> }>;
  probe(owner: string): Promise<"alive" | "dead" | "unknown">;
  /** An exclusive lock by name, held until released or death; null when another holds it. Used for memory roots. */
  lock(name: string): Promise<{ unlock(): Promise<void> } | null>;
}
